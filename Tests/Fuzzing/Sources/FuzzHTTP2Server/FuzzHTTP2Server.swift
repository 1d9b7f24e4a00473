import HTTP2Invariants

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HTTP2Invariants.checkServer(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}

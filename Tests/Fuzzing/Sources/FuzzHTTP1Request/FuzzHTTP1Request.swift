import HTTP1Invariants

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HTTP1Invariants.checkRequests(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}

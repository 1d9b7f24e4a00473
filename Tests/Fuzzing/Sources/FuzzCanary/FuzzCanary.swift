/// Must crash within seconds: if it does not, the fuzzer sees no coverage or no crashes, and silence of the other targets means nothing.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: data, count: count)
    if bytes.count > 3, bytes[0] == UInt8(ascii: "B"), bytes[1] == UInt8(ascii: "O"), bytes[2] == UInt8(ascii: "O"),
        bytes[3] == UInt8(ascii: "M")
    {
        preconditionFailure("the canary was found")
    }
    return 0
}

/// Is an upstream's answer a throttle? Any 429 is, and so is a throttling code under any other status. A word in a message is not one.
public enum ThrottleDetection {
    /// Codes that the AWS SDKs take for throttling (botocore `retries/standard.py`, smithy retry specification), and Chime's own.
    private static let codes: [StaticString] = [
        "ThrottledClientException", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
        "RequestThrottled", "TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
        "BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "TransactionInProgressException",
        "EC2ThrottledException",
    ]

    /// Whether an error code, as AWS services spell it, is a throttling code. `namespace#Code` and `Code:http://…` count as `Code`.
    public static func isThrottlingCode(_ code: UnsafeRawBufferPointer) -> Bool {
        let bare = bareCode(code)
        return codes.contains { name in
            name.utf8CodeUnitCount == bare.count && (0..<bare.count).allSatisfy { bare[$0] == name.utf8Start[$0] }
        }
    }

    /// The code without namespace and without the documentation address that some services append.
    public static func bareCode(_ code: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = code.count
        if let colon = code.firstIndex(of: UInt8(ascii: ":")) { end = colon }
        if let hash = code[..<end].lastIndex(of: UInt8(ascii: "#")) { start = hash + 1 }
        while start < end, code[start] == 0x20 { start += 1 }
        while end > start, code[end - 1] == 0x20 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: code[start..<end])
    }

    /// Decides by status and header; nil where only the body can tell.
    public static func decide(_ head: ResponseHead) -> Bool? {
        if head.status == 429 { return true }
        if let line = head.fields.first(.amznErrorType), line.value.count > 0 {
            return head.fields.withBytes(line.value) { isThrottlingCode($0) }
        }
        return head.status < 300 ? false : nil
    }

    /// Decides by the body's `Code`, `code` or `__type`, in that order of search.
    public static func decide(body: UnsafeRawBufferPointer) -> Bool {
        errorCode(body: body) { isThrottlingCode($0) } ?? false
    }

    /// Finds the error code that a JSON body carries at its top level.
    public static func errorCode<R>(body: UnsafeRawBufferPointer, _ use: (UnsafeRawBufferPointer) -> R) -> R? {
        for name: StaticString in ["Code", "code", "__type"] {
            var scanner = JSONMemberScanner(body)
            if let value = scanner.stringMember(name) { return use(value) }
        }
        return nil
    }
}

/// Finds one string member at the top level of a JSON object, without building anything. Malformed text yields nil: an upstream's
/// body is somebody else's, and is relayed whatever it says.
struct JSONMemberScanner {
    private let text: UnsafeRawBufferPointer
    private var index = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// The raw bytes between the quotes. Error codes hold no escapes; a value that does simply matches no code.
    mutating func stringMember(_ name: StaticString) -> UnsafeRawBufferPointer? {
        skipBlanks()
        guard index < text.count, text[index] == UInt8(ascii: "{") else { return nil }
        index += 1
        var depth = 1
        var expectsName = true
        while index < text.count, depth > 0 {
            let byte = text[index]
            index += 1
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                expectsName = false
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): expectsName = depth == 1
            case UInt8(ascii: "\""):
                guard let string = restOfString() else { return nil }
                guard expectsName else { continue }
                expectsName = false
                guard skipColon() else { return nil }
                guard string.count == name.utf8CodeUnitCount, (0..<string.count).allSatisfy({ string[$0] == name.utf8Start[$0] }) else {
                    continue
                }
                guard index < text.count, text[index] == UInt8(ascii: "\"") else { return nil }
                index += 1
                return restOfString()
            default: continue
            }
        }
        return nil
    }

    private mutating func restOfString() -> UnsafeRawBufferPointer? {
        let start = index
        while index < text.count {
            let byte = text[index]
            index += 1
            if byte == UInt8(ascii: "\\") { index += 1 }
            if byte == UInt8(ascii: "\"") { return UnsafeRawBufferPointer(rebasing: text[start..<(index - 1)]) }
        }
        return nil
    }

    private mutating func skipColon() -> Bool {
        skipBlanks()
        guard index < text.count, text[index] == UInt8(ascii: ":") else { return false }
        index += 1
        skipBlanks()
        return true
    }

    private mutating func skipBlanks() {
        while index < text.count, text[index] == 0x20 || text[index] == 0x09 || text[index] == 0x0A || text[index] == 0x0D { index += 1 }
    }
}

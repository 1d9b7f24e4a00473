import GatewayCore

/// The field lines of a head so far, and what those that decide framing and persistence say.
///
/// Lines are judged in the order they arrive, each when it is whole, so the first mistake of a head is found at the same byte however
/// the head was cut into reads.
struct FieldAccumulator: Sendable {
    var lines: [FieldLine] = []
    var host: ByteRange?
    var contentLength: Int?
    var isChunked = false
    var expectsContinue = false
    private var namesClose = false
    private var namesKeepAlive = false

    /// Adds a non-empty line (RFC 9112 section 5). `line` excludes its CRLF.
    @inline(__always)
    mutating func add(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, version: HTTPVersion, isRequest: Bool, limits: HeadLimits
    ) throws(HTTP1Error) {
        guard lines.count < limits.fieldCount else { throw HTTP1Error(.tooManyFields) }
        let field = try FieldLine(parsing: bytes, line)
        // One allocation for nearly every head; a longer one grows geometrically up to the limit.
        if lines.isEmpty { lines.reserveCapacity(min(limits.fieldCount, 16)) }
        lines.append(field)
        switch field.kind {
        case .host where isRequest:
            guard host == nil else { throw HTTP1Error(.repeatedHost) }
            guard Authority.isValid(bytes, field.value.range) else { throw HTTP1Error(.invalidHost) }
            host = field.value
        case .contentLength: try addContentLength(bytes, field.value.range)
        case .transferEncoding: try addTransferEncoding(bytes, field.value.range, version)
        case .connection: try addConnection(bytes, field.value.range)
        case .expect where isRequest:
            guard ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[field.value.range]), "100-continue") else {
                throw HTTP1Error(.unsupportedExpectation)
            }
            // RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client is ignored.
            expectsContinue = version == .http11
        default: break
        }
    }

    /// Whether the connection may go on after this message (RFC 9112 section 9.3).
    func isPersistent(_ version: HTTPVersion) -> Bool {
        !namesClose && (version != .http10 || namesKeepAlive)
    }

    /// RFC 9112 section 6.3, where anything but one plain number is refused: lists and repetitions are how requests are smuggled.
    private mutating func addContentLength(_ bytes: UnsafeRawBufferPointer, _ value: Range<Int>) throws(HTTP1Error) {
        guard contentLength == nil else { throw HTTP1Error(.repeatedContentLength) }
        guard !isChunked else { throw HTTP1Error(.contentLengthWithTransferEncoding) }
        guard !value.isEmpty else { throw HTTP1Error(.invalidContentLength) }
        var length = 0
        for index in value {
            guard Byte.isDigit(bytes[index]) else { throw HTTP1Error(.invalidContentLength) }
            let (tens, overflows) = length.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(Int(bytes[index] &- Byte.zero))
            guard !overflows, !carries else { throw HTTP1Error(.invalidContentLength) }
            length = sum
        }
        contentLength = length
    }

    /// RFC 9112 section 6.1. `chunked` alone is accepted: with no other coding there is no order to get wrong.
    private mutating func addTransferEncoding(
        _ bytes: UnsafeRawBufferPointer, _ value: Range<Int>, _ version: HTTPVersion
    ) throws(HTTP1Error) {
        guard version == .http11 else { throw HTTP1Error(.transferEncodingInOldVersion) }
        guard contentLength == nil else { throw HTTP1Error(.contentLengthWithTransferEncoding) }
        guard !isChunked, !value.isEmpty else { throw HTTP1Error(.invalidTransferEncoding) }
        var list = TokenList(bytes, value)
        var codings = 0
        while let coding = list.next() {
            guard ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[coding]), "chunked") else {
                throw HTTP1Error(coding.isEmpty ? .invalidTransferEncoding : .unknownTransferCoding)
            }
            codings += 1
        }
        guard codings == 1 else { throw HTTP1Error(.invalidTransferEncoding) }
        isChunked = true
    }

    /// RFC 9110 section 7.6.1. Empty list elements are allowed, as section 5.6.1.2 asks of recipients.
    private mutating func addConnection(_ bytes: UnsafeRawBufferPointer, _ value: Range<Int>) throws(HTTP1Error) {
        var list = TokenList(bytes, value)
        while let option = list.next() {
            guard ByteSet.token.containsAll(of: bytes, option) else { throw HTTP1Error(.invalidConnection) }
            let word = UnsafeRawBufferPointer(rebasing: bytes[option])
            if ASCII.equalsIgnoringCase(word, "close") { namesClose = true }
            if ASCII.equalsIgnoringCase(word, "keep-alive") { namesKeepAlive = true }
        }
    }
}

/// The elements of a comma-separated list without the blanks around them, empty ones included.
struct TokenList {
    private let bytes: UnsafeRawBufferPointer
    private let end: Int
    private var position: Int

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        self.position = range.lowerBound
        self.end = range.upperBound
    }

    mutating func next() -> Range<Int>? {
        guard position <= end else { return nil }
        var start = position
        var stop = position
        while stop < end, bytes[stop] != Byte.comma { stop += 1 }
        position = stop + 1
        while start < stop, Byte.isBlank(bytes[start]) { start += 1 }
        while stop > start, Byte.isBlank(bytes[stop - 1]) { stop -= 1 }
        return start..<stop
    }
}

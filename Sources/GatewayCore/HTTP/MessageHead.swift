/// A run of bytes inside a head: offsets, so that no field costs a String or an array of its own.
public struct ByteRange: Sendable, Equatable {
    public var start: UInt32
    public var end: UInt32

    public init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    public static let empty = ByteRange(0, 0)
    public var count: Int { Int(end &- start) }
    public var range: Range<Int> { Int(start)..<Int(end) }
}

/// One field line: where its name and its value (without surrounding blanks) stand.
public struct FieldLine: Sendable, Equatable {
    public var name: ByteRange
    public var value: ByteRange
    public var kind: FieldName

    public init(name: ByteRange, value: ByteRange, kind: FieldName) {
        self.name = name
        self.value = value
        self.kind = kind
    }
}

/// How the end of a message's body is found (RFC 9112 section 6.3).
public enum BodyFraming: Sendable, Equatable {
    case none
    /// Exactly this many bytes follow. Bounds: 0 up to `Int.max`.
    case length(Int)
    case chunked
    /// Responses only: the body ends with the connection.
    case untilClose
}

public enum HTTPVersion: Sendable, Equatable {
    case http10
    case http11
    case http2
}

/// The bytes of a head and where its field lines are in them; what request and response heads share.
public struct FieldSection: Sendable, Equatable {
    /// The head as received. All ranges point into it.
    public var bytes: [UInt8]
    /// In the order received.
    public var lines: [FieldLine]

    public init(bytes: [UInt8] = [], lines: [FieldLine] = []) {
        self.bytes = bytes
        self.lines = lines
    }

    /// The first line of this kind.
    public func first(_ kind: FieldName) -> FieldLine? {
        for line in lines where line.kind == kind { return line }
        return nil
    }

    public subscript(range: ByteRange) -> ArraySlice<UInt8> { bytes[range.range] }

    /// The bytes of a range as a String (lossy where they are no UTF-8); for errors, logs and tests, not for the hot path.
    public func string(_ range: ByteRange) -> String { String(decoding: bytes[range.range], as: UTF8.self) }

    /// Calls `body` with the bytes of a range.
    public func withBytes<R>(_ range: ByteRange, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range.range])) }
    }

    /// Appends a line whose bytes are copied in; how HTTP/2 builds the same value that the HTTP/1.1 parser makes.
    public mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        let middle = bytes.count
        bytes.append(contentsOf: value)
        lines.append(
            FieldLine(name: ByteRange(start, middle), value: ByteRange(middle, bytes.count), kind: FieldName(name)))
    }
}

/// A request head that a codec has accepted: grammar, framing and limits are checked, the meaning is not yet.
public struct RequestHead: Sendable, Equatable {
    public var fields: FieldSection
    public var method: ByteRange
    /// The request-target in origin form (`/path?query`), as sent.
    public var target: ByteRange
    public var version: HTTPVersion
    public var framing: BodyFraming
    /// Whether the connection may carry another request after this one (RFC 9112 section 9.3). Always true for HTTP/2.
    public var isPersistent: Bool
    /// `Expect: 100-continue` with a body to come (RFC 9110 section 10.1.1).
    public var expectsContinue: Bool

    public init(
        fields: FieldSection, method: ByteRange, target: ByteRange, version: HTTPVersion = .http11,
        framing: BodyFraming = .none, isPersistent: Bool = true, expectsContinue: Bool = false
    ) {
        self.fields = fields
        self.method = method
        self.target = target
        self.version = version
        self.framing = framing
        self.isPersistent = isPersistent
        self.expectsContinue = expectsContinue
    }
}

/// A response head that a codec has accepted.
public struct ResponseHead: Sendable, Equatable {
    public var fields: FieldSection
    /// 100 to 999.
    public var status: Int
    public var reason: ByteRange
    public var version: HTTPVersion
    public var framing: BodyFraming
    public var isPersistent: Bool

    public init(
        fields: FieldSection, status: Int, reason: ByteRange = .empty, version: HTTPVersion = .http11,
        framing: BodyFraming = .none, isPersistent: Bool = true
    ) {
        self.fields = fields
        self.status = status
        self.reason = reason
        self.version = version
        self.framing = framing
        self.isPersistent = isPersistent
    }
}

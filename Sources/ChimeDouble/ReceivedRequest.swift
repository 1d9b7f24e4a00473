/// A request as it stood on the wire.
public struct ReceivedRequest: Sendable, Equatable {
    public var method: String
    /// The request target, byte for byte: `/phone-numbers/%2B12065550100?x=1`.
    public var target: String
    /// Names as sent, in order, repeated fields repeated.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(method: String, target: String, headers: [(name: String, value: String)], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// The target up to the first `?`.
    var rawPath: Substring {
        target.prefix { $0 != "?" }
    }

    /// The target after the first `?`; empty without one.
    var rawQuery: Substring {
        target.dropFirst(rawPath.count).dropFirst()
    }

    /// The values of a field, in order. `name` in lower case.
    func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name }.map(\.value)
    }

    public static func == (left: ReceivedRequest, right: ReceivedRequest) -> Bool {
        left.method == right.method && left.target == right.target && left.body == right.body
            && left.headers.elementsEqual(right.headers, by: ==)
    }
}

/// What the double answers. `x-amzn-RequestId` and the framing fields are added by the server.
public struct DoubleResponse: Sendable, Equatable {
    public var status: Int
    /// The exception's name for `x-amzn-ErrorType`; nil on success.
    public var errorType: String?
    /// JSON; empty with 204.
    public var body: String
}

/// A request that the double has answered.
public struct RecordedRequest: Sendable {
    public let request: ReceivedRequest
    /// Whether the signature was checked and right; false also where checking is off.
    public let isSignatureVerified: Bool
    /// The canonical request that the double computed, without the value of a session token; nil where the request
    /// named no signed fields to compute it from.
    public let canonicalRequest: String?
    public let status: Int
    /// Milliseconds since 1970.
    public let receivedAt: Int64

    /// One JSON object: `time method target headers status signatureVerified canonicalRequest`.
    public var json: String {
        jsonText.text
    }

    var jsonText: JSONText {
        .object([
            ("time", .string(CivilTime.iso8601(milliseconds: receivedAt))),
            ("method", .string(request.method)),
            ("target", .string(request.target)),
            ("headers", .array(request.headers.map { .array([.string($0.name), .string($0.value)]) })),
            ("bodyBytes", .number(request.body.count)),
            ("status", .number(status)),
            ("signatureVerified", .boolean(isSignatureVerified)),
            ("canonicalRequest", canonicalRequest.map(JSONText.string) ?? .null),
        ])
    }
}

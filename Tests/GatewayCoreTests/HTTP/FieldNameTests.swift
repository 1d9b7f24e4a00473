import Testing

@testable import GatewayCore

@Suite("Classification of field names")
struct FieldNameTests {
    static let known: [(String, FieldName)] = [
        ("accept", .accept), ("authorization", .authorization), ("connection", .connection), ("content-length", .contentLength),
        ("content-type", .contentType), ("x-countersign-token", .countersignToken), ("date", .date), ("expect", .expect), ("host", .host),
        ("keep-alive", .keepAlive), ("proxy-authenticate", .proxyAuthenticate), ("proxy-authorization", .proxyAuthorization),
        ("proxy-connection", .proxyConnection), ("retry-after", .retryAfter), ("server", .server), ("te", .te), ("trailer", .trailer),
        ("transfer-encoding", .transferEncoding), ("upgrade", .upgrade), ("x-amzn-errortype", .amznErrorType),
        ("x-amzn-requestid", .amznRequestID),
    ]
    static let prefixed: [(String, FieldName)] = [
        ("x-amz-date", .amazon), ("x-amz-security-token", .amazon), ("x-amz-content-sha256", .amazon), ("x-amz-retry-after", .amazon),
        ("x-amz-1234567890", .amazon), ("x-amz-1234567890abc", .amazon), ("x-amz-", .amazon),
        ("countersign-id", .countersign), ("countersign-reason", .countersign), ("countersign-origin", .countersign),
        ("countersign-x", .countersign), ("countersign-", .countersign),
    ]
    static let others = [
        "", "x", "c", "xte", "hosts", "x-amzn-trace-id", "x-amzn-errortypes", "x-amzn-requestId2", "x-amz", "xx-amz-date", "countersign",
        "counter-sign-id", "x-countersign-tokens", "cookie", "content-md5", "content-lengths", "connections", "user-agent",
        "amz-sdk-request",
        "proxy-authorizationx", "transfer_encoding", "x_amz_date", "x-forwarded-for",
    ]

    static func classify(_ name: String) -> FieldName { Array(name.utf8).withUnsafeBytes { FieldName($0) } }

    @Test("Every kind but two has its name", arguments: FieldName.allCases)
    func everyKind(kind: FieldName) {
        let names = (Self.known + Self.prefixed).filter { $0.1 == kind }
        #expect(kind == .other ? names.isEmpty : !names.isEmpty)
    }

    @Test("In every case", arguments: known + prefixed)
    func everyCase(name: String, kind: FieldName) {
        #expect(Self.classify(name) == kind)
        #expect(Self.classify(name.uppercased()) == kind)
        let mixed = String(name.enumerated().map { $0.offset % 2 == 0 ? Character($0.element.uppercased()) : $0.element })
        #expect(Self.classify(mixed) == kind)
    }

    @Test("A name like another one is not it", arguments: others)
    func likeAnother(name: String) {
        #expect(Self.classify(name) == .other)
    }

    @Test("Hop-by-hop are those of RFC 9110 section 7.6.1 and the historical ones")
    func hopByHop() {
        let names: Set<String> = [
            "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
            "transfer-encoding", "upgrade",
        ]
        for (name, kind) in Self.known + Self.prefixed { #expect(kind.isHopByHop == names.contains(name), "\(name)") }
        #expect(!FieldName.other.isHopByHop)
    }
}

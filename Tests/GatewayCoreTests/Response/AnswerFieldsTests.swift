import Foundation
import Testing

@testable import GatewayCore

@Suite("Fields of answers")
struct AnswerFieldsTests {
    static let id = Array("0197a1b2-0000-7000-8000-000000000001".utf8)

    static func relayed(_ head: ResponseHead) -> [String] {
        var output: [UInt8] = []
        AnswerFields.appendRelayed(head, id: id, to: &output)
        #expect(output.suffix(2) == [0x0D, 0x0A])
        return writtenLines(output)
    }

    static let marks = ["countersign-id: \(id.text)", "countersign-origin: upstream"]

    @Test("What the upstream said comes back as it was, in its order, and marked")
    func asItWas() {
        let fields = [
            ("x-amzn-RequestId", "f3a1"), ("Content-Type", "application/json"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Server", "x"),
            ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-amzn-ErrorType", "NotFoundException"), ("Retry-After", "120"),
            ("x-amz-retry-after", "1200"), ("RateLimit-Limit", "1"), ("X-Empty", ""),
        ]
        #expect(Self.relayed(responseHead(404, fields)) == fields.map { "\($0): \($1)" } + Self.marks)
    }

    @Test(
        "What concerns its own connection or poses as ours does not",
        arguments: [
            ("Connection", "close"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close"), ("Proxy-Authenticate", "Basic"),
            ("TE", "trailers"),
            ("Trailer", "x"), ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("Content-Length", "3"), ("countersign-id", "forged"),
            ("Countersign-Origin", "gateway"), ("COUNTERSIGN-REASON", "forged"),
        ])
    func dropped(name: String, value: String) {
        #expect(Self.relayed(responseHead(200, [("a", "1"), (name, value), ("b", "2")])) == ["a: 1", "b: 2"] + Self.marks)
    }

    @Test("A field that Connection names stays behind")
    func nominated() {
        let head = responseHead(200, [("x-hop", "1"), ("Connection", "X-HOP, close"), ("x-hop-2", "2"), ("X-Hop", "3")])
        #expect(Self.relayed(head) == ["x-hop-2: 2"] + Self.marks)
    }

    @Test("A refusal says who, why and when", arguments: [AnswerOrigin.gateway, .upstream])
    func refusal(origin: AnswerOrigin) {
        let refusal = Refusal(.forbidden, "id/protected", "No.")
        var output: [UInt8] = []
        AnswerFields.appendRefusal(
            refusal, style: .modeled, id: Self.id, requestID: Self.id[...], origin: origin,
            date: Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8),
            to: &output)
        #expect(
            writtenLines(output) == [
                "x-amzn-ErrorType: ForbiddenException", "Content-Type: application/json", "x-amzn-RequestId: \(Self.id.text)",
                "Date: Sun, 06 Nov 1994 08:49:37 GMT", "countersign-id: \(Self.id.text)",
                "countersign-origin: \(origin == .gateway ? "gateway" : "upstream")", "countersign-reason: id/protected",
            ])
        // Every line ends with CR LF, and CR and LF stand nowhere else.
        #expect(output.filter { $0 == 0x0D }.count == 7 && output.filter { $0 == 0x0A }.count == 7)
        #expect(output.suffix(2) == [0x0D, 0x0A])
    }

    @Test("The style of a route's throttles is that of header and body", arguments: [ThrottleStyle.modeled, .retryable])
    func style(style: ThrottleStyle) throws {
        let refusal = Refusal(.throttled, "limit/account", "Wait.")
        let code = style == .modeled ? "ThrottledClientException" : "ThrottlingException"
        var fields: [UInt8] = []
        AnswerFields.appendRefusal(refusal, style: style, id: Self.id, requestID: Self.id[...], date: [], to: &fields)
        #expect(writtenLines(fields).first == "x-amzn-ErrorType: \(code)")
        var body: [UInt8] = []
        AnswerFields.appendRefusalBody(refusal, style: style, to: &body)
        #expect(body.text == "{\"Code\":\"\(code)\",\"Message\":\"Wait.\"}")
    }

    @Test(
        "Whatever the sentence, the body is JSON of two members that a parser reads back",
        arguments: [
            ("plain", "plain"), ("", ""), ("a \"quoted\" \\ word", "a \"quoted\" \\ word"), ("\\\"", "\\\""),
            ("caf\u{E9} \u{1F4DE} \u{2028}", "caf\u{E9} \u{1F4DE} \u{2028}"),
            ("line\r\nbreak\ttab\u{0}nul\u{1F}", "line  break tab nul "), ("</script>", "</script>"), ("\u{7F}", "\u{7F}"),
        ])
    func body(message: String, expected: String) throws {
        var body: [UInt8] = []
        AnswerFields.appendRefusalBody(Refusal(.badRequest, "x/y", message), style: .modeled, to: &body)
        let parsed = try JSONDecoder().decode([String: String].self, from: Data(body))
        #expect(parsed == ["Code": "BadRequestException", "Message": expected])
        #expect(body.allSatisfy { $0 >= 0x20 })
    }
}

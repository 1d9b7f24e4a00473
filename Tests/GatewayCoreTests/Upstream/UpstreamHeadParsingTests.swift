import Testing

@testable import GatewayCore

@Suite("A signed head taken apart for HTTP/2")
struct UpstreamHeadParsingTests {
    static func parse(_ text: String) -> RequestHead? {
        Array(text.utf8).withUnsafeBytes { UpstreamHead.parse($0, lines: []) }
    }

    @Test("Method, target and every field stand where they stood")
    func parts() throws {
        let head = try #require(
            Self.parse(
                "POST /phone-numbers/%2B12065550100?a=b%20c HTTP/1.1\r\nHost: service.example:8443\r\nX-Note: a: b, c\r\nX-Empty: \r\n"
                    + "Content-Length: 2\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n\r\n"))
        #expect(head.fields.string(head.method) == "POST")
        #expect(head.fields.string(head.target) == "/phone-numbers/%2B12065550100?a=b%20c")
        #expect(head.fields.lines.map { head.fields.string($0.name) } == ["Host", "X-Note", "X-Empty", "Content-Length", "Authorization"])
        #expect(
            head.fields.lines.map { head.fields.string($0.value) } == ["service.example:8443", "a: b, c", "", "2", "AWS4-HMAC-SHA256 x"])
        #expect(head.fields.lines.map(\.kind) == [.host, .other, .other, .contentLength, .authorization])
    }

    @Test("What `append` writes is what is read")
    func roundTrip() throws {
        var written: [UInt8] = []
        let caller = requestHead("/x", [("Accept", "*/*"), ("X-Note", "\u{E9}\t!"), ("TE", "trailers")])
        UpstreamHead.append(
            method: Array("DELETE".utf8), wirePath: Array("/a".utf8), query: Array("b=c".utf8), host: Array("h".utf8), head: caller,
            bodyLength: 0, to: &written)
        FieldBytes.append("\r\n", to: &written)
        let head = try #require(written.withUnsafeBytes { UpstreamHead.parse($0, lines: []) })
        #expect(head.fields.string(head.target) == "/a?b=c")
        #expect(
            head.fields.lines.map { "\(head.fields.string($0.name)): \(head.fields.string($0.value))" }
                == ["Host: h", "Accept: */*", "X-Note: \u{E9}\t!", "Content-Length: 0"])
    }

    @Test("No head is none", arguments: ["", "DELETE", "DELETE /x", "DELETE /x HTTP/1.1", "DELETE\r\n", "DELETE /x\r\n\r\n", "\r\n"])
    func nonsense(text: String) {
        #expect(Self.parse(text) == nil)
    }
}

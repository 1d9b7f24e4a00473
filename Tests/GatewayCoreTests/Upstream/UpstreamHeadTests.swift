import Testing

@testable import GatewayCore

@Suite("The head that goes upstream")
struct UpstreamHeadTests {
    static func text(_ head: RequestHead, query: String = "", bodyLength: Int? = nil) -> String {
        var output: [UInt8] = []
        UpstreamHead.append(
            method: Array("DELETE".utf8), wirePath: Array("/phone-numbers/%2B12065550100".utf8), query: Array(query.utf8),
            host: Array("service.chime.aws.amazon.com".utf8), head: head, bodyLength: bodyLength, to: &output)
        return output.text
    }

    /// The field lines after the request line and Host.
    static func fields(_ fields: [(String, String)]) -> [String] {
        let lines = text(requestHead("/x", fields)).split(separator: "\r\n").map(String.init)
        #expect(lines.prefix(2) == ["DELETE /phone-numbers/%2B12065550100 HTTP/1.1", "Host: service.chime.aws.amazon.com"])
        return Array(lines.dropFirst(2))
    }

    @Test("The request line is the route's, the path's one form and HTTP/1.1, whatever the caller wrote")
    func requestLine() {
        var head = requestHead("delete", "/phone-numbers/+12065550100", [("Host", "elsewhere.example")])
        head.version = .http10
        #expect(Self.text(head) == "DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: service.chime.aws.amazon.com\r\n")
        #expect(Self.text(head, query: "a=b").hasPrefix("DELETE /phone-numbers/%2B12065550100?a=b HTTP/1.1\r\nHost:"))
    }

    @Test(
        "Content-Length is that of the body that was read",
        arguments: [(nil, ""), (0, "Content-Length: 0\r\n"), (12, "Content-Length: 12\r\n")] as [(Int?, String)])
    func contentLength(length: Int?, line: String) {
        let head = requestHead("/x", [("Content-Length", "99"), ("Transfer-Encoding", "chunked")])
        #expect(Self.text(head, bodyLength: length).hasSuffix("\r\nHost: service.chime.aws.amazon.com\r\n\(line)"))
    }

    @Test(
        "What may not travel on",
        arguments: [
            ("Authorization", "AWS4-HMAC-SHA256 Credential=x"), ("AUTHORIZATION", "Bearer token"), ("x-countersign-token", "token"),
            ("X-Amz-Date", "20150830T123600Z"), ("X-AMZ-SECURITY-TOKEN", "x"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-target", "x"),
            ("x-amz-", "x"), ("x-amz-anything-at-all", "x"), ("Host", "evil.example"), ("countersign-id", "x"),
            ("Countersign-Origin", "upstream"),
            ("Expect", "100-continue"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked"), ("Connection", "close"),
            ("Keep-Alive", "x"),
            ("Proxy-Connection", "x"), ("Proxy-Authorization", "Basic x"), ("Proxy-Authenticate", "x"), ("TE", "trailers"),
            ("Trailer", "x"), ("Upgrade", "h2c"),
        ])
    func dropped(name: String, value: String) {
        #expect(Self.fields([("Accept", "*/*"), (name, value), ("x-after", "1")]) == ["Accept: */*", "x-after: 1"])
    }

    @Test(
        "What travels on as it came",
        arguments: [
            ("Accept", "application/json"), ("Content-Type", "application/json"), ("User-Agent", "aws-cli/2"),
            ("amz-sdk-invocation-id", "1"),
            ("x-amzn-trace-id", "Root=1"), ("Date", "x"), ("Cookie", "a=b"), ("x-empty", ""), ("X-Forwarded-For", "10.0.0.1"),
            ("Content-Encoding", "gzip"),
            ("Range", "bytes=0-1"), ("x-countersign-tokens", "not ours"), ("xx-amz-date", "1"),
        ])
    func travels(name: String, value: String) {
        #expect(Self.fields([(name, value)]) == ["\(name): \(value)"])
        #expect(Self.fields([(name, value), (name, "again")]) == ["\(name): \(value)", "\(name): again"])
    }

    @Test("What Connection names stays behind, in any case and more than one")
    func nominated() {
        let fields = [("x-one", "1"), ("Connection", "X-One, close"), ("x-two", "2"), ("connection", "x-three"), ("X-THREE", "3")]
        #expect(Self.fields(fields) == ["x-two: 2"])
    }

    @Test("A line that Connection names cannot bring back what is dropped, nor take Host away")
    func nominatedHost() {
        #expect(Self.fields([("Connection", "host, content-length"), ("Host", "evil.example")]) == [])
    }

    @Test("From HTTP/2 the same lines come out")
    func http2() {
        var head = requestHead("/x")
        head.fields = compactSection([("accept", "*/*"), ("authorization", "Bearer x"), ("host", "a"), ("x-one", "1")])
        #expect(Self.text(head).hasSuffix("amazon.com\r\naccept: */*\r\nx-one: 1\r\n"))
    }
}

@testable import Wire

/// Messages (RFC 9113 section 8) and header compression (RFC 7541).
extension ConformanceCase {
    private static func request(_ fields: [(String, String)], end: Bool = true) -> [UInt8] {
        Frame.headers(1, HPACK.block(fields), end: end)
    }
    private static let base = HPACK.get
    private static let post = HPACK.post

    private static func malformed(_ section: String, _ name: String, _ fields: [(String, String)]) -> ConformanceCase {
        .init(section, name, .reset(1, .protocolError), request(fields))
    }

    private static func without(_ name: String) -> [(String, String)] { base.filter { $0.0 != name } }

    static let messages: [ConformanceCase] = [
        .init(
            "8.1", "trailers that do not end the stream", .reset(1, .protocolError),
            request(post, end: false) + Frame.headers(1, HPACK.block([("x", "y")]), end: false)),
        .init("8.1", "trailers", .accepted, request(post, end: false) + Frame.data(1, [1]) + Frame.headers(1, HPACK.block([("x", "y")]))),
        .init(
            "8.1", "a pseudo-header field in trailers", .reset(1, .protocolError),
            request(post, end: false) + Frame.headers(1, HPACK.block([(":method", "GET")]))),
        .init(
            "8.1.1", "content shorter than Content-Length", .reset(1, .protocolError),
            request(post + [("content-length", "2")], end: false) + Frame.data(1, [1], end: true)),
        .init(
            "8.1.1", "content longer than Content-Length", .reset(1, .protocolError),
            request(post + [("content-length", "1")], end: false) + Frame.data(1, [1, 2], end: true)),
        .init(
            "8.1.1", "content in pieces, longer than Content-Length", .reset(1, .protocolError),
            request(post + [("content-length", "1")], end: false) + Frame.data(1, [1]) + Frame.data(1, [2], end: true)),
        malformed("8.1.1", "Content-Length without content", base + [("content-length", "1")]),
        malformed("8.1.1", "Content-Length that is no number", base + [("content-length", "-1")]),
        malformed("8.1.1", "two Content-Length fields", base + [("content-length", "0"), ("content-length", "0")]),
        malformed("8.1.1", "Content-Length beyond 64 bits", base + [("content-length", "99999999999999999999")]),
        malformed("8.2.1", "a capital in a field name", base + [("X-Test", "1")]),
        malformed("8.2.1", "a space in a field name", base + [("x test", "1")]),
        malformed("8.2.1", "a colon in a field name", base + [("x:test", "1")]),
        malformed("8.2.1", "an empty field name", base + [("", "1")]),
        malformed("8.2.1", "a control in a field name", base + [("x\u{1}", "1")]),
        malformed("8.2.1", "DEL in a field name", base + [("x\u{7F}", "1")]),
        malformed("8.2.1", "NUL in a field value", base + [("x", "a\0b")]),
        malformed("8.2.1", "LF in a field value", base + [("x", "a\nb")]),
        malformed("8.2.1", "CR in a field value", base + [("x", "a\rb")]),
        malformed("8.2.1", "a blank before a field value", base + [("x", " a")]),
        malformed("8.2.1", "a tab behind a field value", base + [("x", "a\t")]),
        malformed("8.2.2", "Connection", base + [("connection", "keep-alive")]),
        malformed("8.2.2", "Keep-Alive", base + [("keep-alive", "timeout=5")]),
        malformed("8.2.2", "Proxy-Connection", base + [("proxy-connection", "keep-alive")]),
        malformed("8.2.2", "Transfer-Encoding", base + [("transfer-encoding", "chunked")]),
        malformed("8.2.2", "Upgrade", base + [("upgrade", "h2c")]),
        malformed("8.2.2", "TE other than trailers", base + [("te", "trailers, deflate")]),
        .init("8.2.2", "TE: trailers", .accepted, request(base + [("te", "trailers")])),
        malformed("8.3", "an unknown pseudo-header field", base + [(":test", "1")]),
        malformed("8.3", "a response's pseudo-header field", base + [(":status", "200")]),
        malformed("8.3", "a pseudo-header field behind a regular one", without(":path") + [("x", "1"), (":path", "/")]),
        malformed("8.3", "a capital in a pseudo-header field", without(":path") + [(":Path", "/")]),
        malformed("8.3.1", "an empty :path", without(":path") + [(":path", "")]),
        malformed("8.3.1", "no :method", without(":method")),
        malformed("8.3.1", "no :scheme", without(":scheme")),
        malformed("8.3.1", "no :path", without(":path")),
        malformed("8.3.1", "neither :authority nor Host", without(":authority")),
        malformed("8.3.1", "two :method", base + [(":method", "GET")]),
        malformed("8.3.1", "two :scheme", [(":scheme", "http")] + base),
        malformed("8.3.1", "two :path", [(":path", "/")] + base),
        malformed("8.3.1", "two :authority", [(":authority", "gateway.test")] + base),
        malformed("8.3.1", ":path that is no path", without(":path") + [(":path", "phone-numbers")]),
        malformed("8.3.1", ":path in absolute form", without(":path") + [(":path", "http://gateway.test/")]),
        malformed("8.3.1", "NUL in :path", without(":path") + [(":path", "/\0")]),
        malformed("8.3.1", "a space in :path", without(":path") + [(":path", "/a b")]),
        malformed("8.3.1", "a blank in :method", without(":method") + [(":method", "GE T")]),
        malformed("8.3.1", "Host that differs from :authority", base + [("host", "other.test")]),
        .init("8.3.1", "Host that repeats :authority", .accepted, request(base + [("host", "Gateway.test")])),
        .init("8.3.1", "Host alone", .accepted, request(without(":authority") + [("host", "gateway.test")])),
        .init("8.4", "a request after GOAWAY from the client is still served", .accepted, answers: true, request(base)),
        malformed("8.5", "CONNECT with :path and :scheme", [(":method", "CONNECT")] + without(":method")),
    ]

    private static func block(_ tail: [UInt8]) -> [UInt8] { Frame.headers(1, HPACK.getBlock + tail) }

    static let compression: [ConformanceCase] = [
        .init("7541 2.3.3", "an index beyond both tables", .goAway(.compressionError), block(HPACK.integer(70, prefix: 7, pattern: 0x80))),
        .init(
            "7541 2.3.3", "a literal whose name's index is beyond both tables", .goAway(.compressionError),
            block(HPACK.integer(70, prefix: 6, pattern: 0x40) + HPACK.string([0x61]))),
        .init("7541 4.2", "a table size update behind a field", .goAway(.compressionError), block([0x20])),
        .init(
            "7541 5.1", "an integer that overflows", .goAway(.compressionError),
            block([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])),
        .init(
            "7541 5.2", "Huffman padding longer than seven bits", .goAway(.compressionError),
            block([0x00, 0x85, 0xF2, 0xB2, 0x4A, 0x84, 0xFF, 0x84, 0x49, 0x50, 0x9F, 0xFF])),
        .init(
            "7541 5.2", "Huffman padding with zeros", .goAway(.compressionError),
            block([0x00, 0x85, 0xF2, 0xB2, 0x4A, 0x84, 0xFF, 0x83, 0x49, 0x50, 0x90])),
        .init(
            "7541 5.2", "the EOS symbol in a Huffman string", .goAway(.compressionError),
            block([0x00, 0x85, 0xF2, 0xB2, 0x4A, 0x84, 0xFF, 0x87, 0x49, 0x51, 0xFF, 0xFF, 0xFF, 0xFA, 0x7F])),
        .init("7541 6.1", "index 0", .goAway(.compressionError), block([0x80])),
        .init(
            "7541 6.3", "a table size above SETTINGS_HEADER_TABLE_SIZE", .goAway(.compressionError),
            Frame.headers(1, HPACK.integer(4097, prefix: 5, pattern: 0x20) + HPACK.getBlock)),
        .init("7541 6.3", "a table size of 0 first", .accepted, Frame.headers(1, [0x20] + HPACK.getBlock)),
        .init("7541 5.2", "a string that is longer than the block", .goAway(.compressionError), block([0x00, 0x05, 0x61])),
        .init("7541 4.3", "a block that ends within a field", .goAway(.compressionError), block([0x00, 0x01, 0x61])),
    ]
}

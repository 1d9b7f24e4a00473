import SigV4
import Testing

@Suite struct RequestURLTests {
    static let rows: [(url: String, host: String, path: String, query: String)] = [
        ("https://example.com", "example.com", "", ""),
        ("https://example.com/", "example.com", "/", ""),
        ("HTTPS://Example.COM:443/A/b?C=d#frag", "example.com", "/A/b", "C=d"),
        ("http://example.com:80?x", "example.com", "", "x"),
        ("http://example.com:443/", "example.com:443", "/", ""),
        ("https://user:pass@example.com:8443/p", "example.com:8443", "/p", ""),
        ("http://[::1]:8080/p?q?r", "[::1]:8080", "/p", "q?r"),
        ("http://[::1]/", "[::1]", "/", ""),
        ("https://example.com:/p", "example.com", "/p", ""),
        ("https://example.com/%2B+%2b ü/.././/?a=%7E", "example.com", "/%2B+%2b ü/.././/", "a=%7E"),
        ("https://example.com/#frag?no", "example.com", "/", ""),
    ]

    @Test(arguments: rows)
    func partsAreAsWritten(url: String, host: String, path: String, query: String) throws {
        let parsed = try RequestURL(url)
        #expect(parsed.host == host)
        #expect(String(decoding: parsed.path, as: UTF8.self) == path)
        #expect(String(decoding: parsed.query, as: UTF8.self) == query)
    }

    @Test(arguments: [
        "", "example.com/", "/path", "ftp://example.com/", "https:///path", "https://:443/", "https://h:port/", "https://h:0/",
        "https://h:65536/",
        "https://h:-1/", "https://?q",
    ])
    func mistakesAreSentences(url: String) {
        let error = #expect(throws: SigningInputError.self) { try RequestURL(url) }
        #expect(error?.description.hasSuffix(".") == true)
    }
}

@Suite struct SigningRequestTextTests {
    static func parse(_ text: String) throws -> SigningRequestText { try SigningRequestText(Array(text.utf8)) }

    @Test(arguments: ["\n", "\r\n"])
    func linesMayEndEitherWay(end: String) throws {
        let text = ["POST /a%2Bb?x=1&y HTTP/1.1", "Host: h", "X-A:  v ", "X-A:w", "", "body\r\n\nrest"].joined(separator: end)
        let parsed = try SigningRequestTextTests.parse(text)
        #expect(parsed.method == "POST")
        #expect(parsed.path == Array("/a%2Bb".utf8))
        #expect(parsed.query == Array("x=1&y".utf8))
        #expect(parsed.fields == [HeaderField("Host", "h"), HeaderField("X-A", "v"), HeaderField("X-A", "w")])
        #expect(parsed.body == Array("body\r\n\nrest".utf8))
    }

    @Test func rawSpacesAndFoldedValuesAreRead() throws {
        let parsed = try SigningRequestTextTests.parse("GET /example space/ü?a b HTTP/1.1\nHost:h\nA:1\n  2\n\t3")
        #expect(parsed.path == Array("/example space/ü".utf8))
        #expect(parsed.query == Array("a b".utf8))
        #expect(CanonicalRequestProbe.value(of: "a", in: parsed) == "1 2 3")
        #expect(parsed.body.isEmpty)
    }

    @Test func aWholeURLAsTargetGivesTheHost() throws {
        let parsed = try SigningRequestTextTests.parse("GET https://Example.com/p?q HTTP/1.1\n\n")
        #expect(parsed.fields == [HeaderField("Host", "example.com")])
        #expect(parsed.path == Array("/p".utf8))
        #expect(parsed.query == Array("q".utf8))
    }

    @Test func contentLengthCutsWhatAnEditorAdds() throws {
        #expect(try SigningRequestTextTests.parse("PUT / HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc\n").body == Array("abc".utf8))
        #expect(try SigningRequestTextTests.parse("PUT / HTTP/1.1\nHost: h\n\nabc\n").body == Array("abc\n".utf8))
    }

    @Test(arguments: [
        "", "\n", "GET", "GET /", "GET / FTP/1", " / HTTP/1.1", "GET example HTTP/1.1\nHost: h", "GET / HTTP/1.1\nHost h",
        "GET / HTTP/1.1\nHost : h", "GET / HTTP/1.1\n: h", " GET / HTTP/1.1", "GET / HTTP/1.1\n folded: x", "GET ftp://h/ HTTP/1.1",
        "PUT / HTTP/1.1\nHost: h\nContent-Length: 4\n\nabc", "PUT / HTTP/1.1\nHost: h\nContent-Length: x\n\nabc",
    ])
    func mistakesAreSentences(text: String) {
        let error = #expect(throws: SigningInputError.self) { try SigningRequestTextTests.parse(text) }
        #expect(error.map { $0.description.hasSuffix(".") } == true)
    }
}

/// What nobody would write must be refused or signed, never stop the program.
@Suite struct RandomInputTests {
    @Test func randomBytesDoNoHarm() throws {
        var generator = RequestSignerTests.Generator(state: 4)
        let alphabet = Array("GET / HTTP/1.1\r\n\n:: \t?&=%%2Bab/..@[]#é\u{0}".utf8)
        let signer = Signer(service: "s", region: "r")
        let credentials = Credentials(accessKeyID: "A", secretAccessKey: "s")
        var signed = 0
        for _ in 0..<5_000 {
            let noise = (0..<Int.random(in: 0...60, using: &generator)).compactMap { _ in alphabet.randomElement(using: &generator) }
            _ = try? RequestURL("https://" + String(decoding: noise, as: UTF8.self))
            let head = Bool.random(using: &generator) ? Array("GET /".utf8) + noise + Array(" HTTP/1.1\nHost: h\n".utf8) : []
            guard let text = try? SigningRequestText(head + noise) else { continue }
            let request = UnsignedRequest(method: text.method, path: text.path, query: text.query, fields: text.fields)
            let result = try signer.signFields(of: request, credentials: credentials, time: SigningTime(epochSeconds: 0))
            #expect(result.signature.bytes.count == 32)
            signed += 1
        }
        #expect(signed > 100)
    }
}

enum CanonicalRequestProbe {
    /// The value of a field as it stands in the canonical request.
    static func value(of name: String, in text: SigningRequestText) -> String? {
        let request = UnsignedRequest(method: text.method, path: text.path, query: text.query, fields: text.fields)
        let lines = CanonicalRequest(request, options: SigningOptions()).text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.first { $0.hasPrefix("\(name):") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
}

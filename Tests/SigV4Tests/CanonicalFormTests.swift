import SigV4
import Testing

@Suite struct CanonicalQueryTests {
    static let rows: [(query: String, canonical: String)] = [
        ("", ""), ("&", ""), ("a", "a="), ("a=1&&b=2&", "a=1&b=2"), ("=x", "=x"), ("a=b=c", "a=b%3Dc"), ("a+b=+", "a%2Bb=%2B"),
        ("a=%2b&a=%2B&a=+", "a=%2B&a=%2B&a=%2B"), ("a=%7E*", "a=~%2A"), ("a=%zz%4", "a=%25zz%254"), ("a=%", "a=%25"),
        ("b=1&a=2&B=3", "B=3&a=2&b=1"),
        ("a=%00%ff", "a=%00%FF"), ("a=b/c?d", "a=b%2Fc%3Fd"), ("a b=c", "a%20b=c"),
    ]

    @Test(arguments: rows)
    func canonicalForm(query: String, canonical: String) {
        let once = CanonicalQuery.canonicalize(Array(query.utf8))
        #expect(String(decoding: once, as: UTF8.self) == canonical)
        #expect(CanonicalQuery.canonicalize(once) == once)
    }
}

@Suite struct CanonicalPathTests {
    static let rows: [(path: String, normalized: String, asIs: String)] = [
        ("", "/", "/"), ("/", "/", "/"), ("//", "/", "//"), ("/a//b/", "/a/b/", "/a//b/"), ("/./a/../b/.", "/b", "/./a/../b/."),
        ("/a/..", "/", "/a/.."), ("/../..", "/", "/../.."), ("/...", "/...", "/..."), ("/%2B", "/%252B", "/%252B"),
        ("/%2b", "/%252b", "/%252b"),
        ("/+", "/%2B", "/%2B"), ("/~", "/~", "/~"), ("/%2E%2E/a", "/%252E%252E/a", "/%252E%252E/a"),
    ]

    @Test(arguments: rows)
    func canonicalForm(path: String, normalized: String, asIs: String) {
        var options = SigningOptions()
        #expect(String(decoding: CanonicalPath.canonicalize(Array(path.utf8), options: options), as: UTF8.self) == normalized)
        options.normalizesPath = false
        #expect(String(decoding: CanonicalPath.canonicalize(Array(path.utf8), options: options), as: UTF8.self) == asIs)
        options.doubleEncodesPath = false
        #expect(CanonicalPath.canonicalize(Array(path.utf8), options: options) == Array((path.isEmpty ? "/" : path).utf8))
    }
}

@Suite struct SignerTests {
    static let credentials = Credentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: "t")

    static func names(_ signed: SignedRequest) -> [String] { signed.fields.map(\.name) }

    @Test func whatAnEarlierSignerLeftIsReplaced() throws {
        let request = UnsignedRequest(
            method: "GET", path: [0x2F],
            fields: [
                HeaderField("Host", "h"), HeaderField("authorization", "old"), HeaderField("x-amz-date", "old"),
                HeaderField("X-AMZ-SECURITY-TOKEN", "old"),
            ])
        let signed = try Signer(service: "s", region: "r").signFields(
            of: request, credentials: SignerTests.credentials, time: SigningTime(epochSeconds: 0))
        #expect(SignerTests.names(signed) == ["Host", "X-Amz-Date", "X-Amz-Security-Token", "Authorization"])
        #expect(!signed.canonicalRequest.text.contains("old"))

        let address = UnsignedRequest(
            method: "GET", path: [0x2F], query: Array("a=1&X-Amz-Signature=old&X-Amz-Date=old".utf8), fields: [HeaderField("Host", "h")])
        let presigned = try Signer(service: "s", region: "r").presign(
            address, credentials: SignerTests.credentials, time: SigningTime(epochSeconds: 0), expiresIn: 60)
        #expect(!String(decoding: presigned.query, as: UTF8.self).contains("old"))
    }

    @Test func s3GetsItsPayloadHashField() throws {
        let signer = Signer(service: "s3", region: "r", options: .standard(forService: "s3"))
        let request = UnsignedRequest(method: "GET", path: Array("/a//b/../c%2B".utf8), fields: [HeaderField("Host", "h")])
        let signed = try signer.signFields(of: request, credentials: SignerTests.credentials, time: SigningTime(epochSeconds: 0))
        #expect(signed.canonicalRequest.text.hasPrefix("GET\n/a//b/../c%2B\n"))
        #expect(signed.fields.contains(HeaderField("X-Amz-Content-Sha256", PayloadHash.empty.text)))
        #expect(signed.canonicalRequest.signedHeaders == "host;x-amz-content-sha256;x-amz-date;x-amz-security-token")
    }

    @Test func onlyS3DiffersFromTheStandard() {
        #expect(SigningOptions.standard(forService: "chime") == SigningOptions())
        #expect(SigningOptions.standard(forService: "s3express") != SigningOptions())
    }
}

import Digests
import SigV4
import Testing

/// The hot path against the staged values: same bytes, for whatever comes.
@Suite struct RequestSignerTests {
    /// SplitMix64 (Steele, Lea, Flood 2014), so that a failure can be had again.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    struct Input {
        var method = "DELETE"
        var path: [UInt8] = Array("/phone-numbers/%2B12065550100".utf8)
        var query: [UInt8] = []
        var host = "service.chime.aws.amazon.com"
        var contentType: [UInt8]?
        var payloadHash = PayloadHash.empty
        var credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        var epochSeconds: Int64 = 1_440_938_160
    }

    static func fast(_ input: Input, by signer: RequestSigner) throws -> String {
        var output = Array("before".utf8)
        let contentType = input.contentType ?? []
        try Array(input.method.utf8).withUnsafeBytes { method in
            try input.path.withUnsafeBytes { path in
                try input.query.withUnsafeBytes { query in
                    try Array(input.host.utf8).withUnsafeBytes { host in
                        try contentType.withUnsafeBytes { type in
                            try Array(input.payloadHash.text.utf8).withUnsafeBytes { hash in
                                try signer.authorize(
                                    method: method, wirePath: path, canonicalQuery: query, host: host,
                                    contentType: input.contentType == nil ? nil : type, payloadHash: hash, credentials: input.credentials,
                                    epochSeconds: input.epochSeconds, appendingFieldLinesTo: &output)
                            }
                        }
                    }
                }
            }
        }
        let text = String(decoding: output, as: UTF8.self)
        #expect(text.hasPrefix("before"))
        return String(text.dropFirst(6))
    }

    static func staged(_ input: Input, by signer: Signer) throws -> String {
        var fields = [HeaderField("Host", input.host)]
        if let contentType = input.contentType { fields.append(HeaderField("Content-Type", contentType)) }
        let request = UnsignedRequest(
            method: input.method, path: input.path, query: input.query, fields: fields, payload: input.payloadHash)
        let signed = try signer.signFields(of: request, credentials: input.credentials, time: SigningTime(epochSeconds: input.epochSeconds))
        return signed.fields.filter { ["X-Amz-Date", "X-Amz-Security-Token", "Authorization"].contains($0.name) }
            .map { "\($0.name): \($0.valueText)\r\n" }.joined()
    }

    static func random(using generator: inout Generator, credentials: [Credentials]) throws -> Input {
        func bytes(_ count: Int, _ using: inout Generator) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &using) } }
        var input = Input()
        input.method = ["DELETE", "GET", "POST", "PUT", "PATCH", "HEAD"].randomElement(using: &generator) ?? "GET"
        // Any bytes but `?`, in segments that are neither empty nor dots: what the router lets through, and more.
        input.path = []
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            input.path += [0x2F, 0x78] + bytes(Int.random(in: 0...40, using: &generator), &generator).filter { $0 != 0x3F && $0 != 0x2F }
        }
        let query = bytes(Int.random(in: 0...60, using: &generator), &generator) + Array("&a=%2b&a=+".utf8)
        input.query = Bool.random(using: &generator) ? [] : CanonicalQuery.canonicalize(query)
        input.host = ["service.chime.aws.amazon.com", "127.0.0.1:8080", "[::1]"].randomElement(using: &generator) ?? ""
        if Bool.random(using: &generator) {
            input.contentType = Array(
                ["application/json", "  text/plain;  charset=utf-8\t", "", " "].randomElement(using: &generator)?.utf8 ?? "".utf8)
        }
        input.payloadHash =
            Bool.random(using: &generator) ? .empty : try .sha256(of: bytes(Int.random(in: 0...100, using: &generator), &generator))
        input.credentials = credentials.randomElement(using: &generator) ?? input.credentials
        // Mostly the same second, at times another, at times another day.
        input.epochSeconds += [0, 0, 0, 1, 2, 86_400, 365 * 86_400].randomElement(using: &generator) ?? 0
        return input
    }

    @Test(arguments: [true, false])
    func bothWaysGiveTheSameLines(doubleEncodes: Bool) throws {
        var generator = Generator(state: 20_150_830)
        var options = SigningOptions()
        options.doubleEncodesPath = doubleEncodes
        let fast = try RequestSigner(service: "chime", region: "us-east-1", doubleEncodesPath: doubleEncodes)
        let staged = Signer(service: "chime", region: "us-east-1", options: options)
        let credentials = [
            Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "another secret under the same id"),
            Credentials(accessKeyID: "ASIDEXAMPLE", secretAccessKey: "s", sessionToken: String(repeating: "token/+=", count: 200)),
        ]
        for round in 0..<5_000 {
            let input = try RequestSignerTests.random(using: &generator, credentials: credentials)
            let expected = try RequestSignerTests.staged(input, by: staged)
            let actual = try RequestSignerTests.fast(input, by: fast)
            if actual != expected {
                Issue.record("round \(round): \(input.method) \(Hex.string(input.path))")
                break
            }
        }
    }

    @Test func newCredentialsCountAtOnceWithinTheSameSecond() throws {
        let signer = try RequestSigner(service: "chime", region: "us-east-1")
        var input = Input()
        let first = try RequestSignerTests.fast(input, by: signer)
        input.credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "rotated")
        let second = try RequestSignerTests.fast(input, by: signer)
        #expect(first != second)
        #expect(second == (try RequestSignerTests.staged(input, by: Signer(service: "chime", region: "us-east-1"))))
    }

    @Test func aLongRequestGrowsTheRoomForIt() throws {
        let signer = try RequestSigner(service: "chime", region: "us-east-1")
        var input = Input()
        input.path = Array("/".utf8) + [UInt8](repeating: 0x2B, count: 100_000)
        input.query = Array("q=".utf8) + [UInt8](repeating: 0x61, count: 50_000)
        let actual = try RequestSignerTests.fast(input, by: signer)
        #expect(actual == (try RequestSignerTests.staged(input, by: Signer(service: "chime", region: "us-east-1"))))
    }

    @Test func linesAreWhatAClientSends() throws {
        let signer = try RequestSigner(service: "chime", region: "us-east-1")
        let lines = try RequestSignerTests.fast(Input(), by: signer)
        let start =
            "X-Amz-Date: 20150830T123600Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/chime/aws4_request, "
            + "SignedHeaders=host;x-amz-date, Signature="
        #expect(lines.hasPrefix(start))
        #expect(lines.utf8.count == start.utf8.count + 64 + 2)
    }
}

import Testing

@testable import GatewayCore

@Suite("Which answers of an upstream are throttles")
struct ThrottleDetectionTests {
    static let codes = [
        "ThrottledClientException", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
        "RequestThrottled",
        "TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "BandwidthLimitExceeded",
        "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "TransactionInProgressException", "EC2ThrottledException",
    ]
    static let others = [
        "", "throttling", "SLOWDOWN", "Throttl", "ThrottlingExceptions", "XThrottling", "ServiceUnavailableException",
        "ResourceLimitExceededException",
        "NotFoundException", "slow down", "Throttling Exception", "com.amazon#", "#", ":", "#Throttling#", "Throttling#NotFoundException",
        "NotFoundException:Throttling",
    ]

    static func isCode(_ code: String) -> Bool { Array(code.utf8).withUnsafeBytes { ThrottleDetection.isThrottlingCode($0) } }

    @Test("Each code, plain and as services dress it", arguments: codes)
    func code(code: String) {
        for dressed in [
            code, "com.amazonaws.chime#\(code)", "aws.protocoltests#a#\(code)",
            "\(code):http://internal.amazon.com/coral/com.amazon.coral.service/", " \(code) ", "ns#\(code):http://x/#y",
        ] {
            #expect(Self.isCode(dressed), "\(dressed)")
        }
        let body = "{\"Message\":\"x\",\"Code\":\"\(code)\"}"
        #expect(Array(body.utf8).withUnsafeBytes { ThrottleDetection.decide(body: $0) })
        #expect(ThrottleDetection.decide(responseHead(400, [("x-amzn-ErrorType", code)])) == true)
    }

    @Test("Anything else is no throttling code", arguments: others)
    func otherCode(code: String) {
        #expect(!Self.isCode(code))
    }

    @Test(
        "By status and header; nil where the body decides",
        arguments: [
            (429, nil, true), (429, "NotFoundException", true), (200, nil, false), (204, nil, false), (299, nil, false), (300, nil, nil),
            (400, nil, nil),
            (403, nil, nil), (500, nil, nil), (503, nil, nil), (599, nil, nil), (400, "ThrottlingException", true), (503, "SlowDown", true),
            (200, "ThrottlingException", true), (500, "ns#TooManyRequestsException:http://x", true), (404, "NotFoundException", false),
            (400, "", nil), (200, "", false), (428, "Throttling", true), (430, nil, nil),
        ] as [(Int, String?, Bool?)])
    func head(status: Int, code: String?, expected: Bool?) {
        #expect(ThrottleDetection.decide(responseHead(status, code.map { [("X-Amzn-ErrorType", $0)] } ?? [])) == expected)
    }

    @Test("Other fields are no code, and a word in a message is none")
    func words() {
        let head = responseHead(400, [("x-error", "Throttling"), ("x-amzn-RequestId", "Throttling")])
        #expect(ThrottleDetection.decide(head) == nil)
        for body in [
            "{\"Code\":\"BadRequestException\",\"Message\":\"Throttling: TooManyRequestsException\"}",
            "{\"Message\":\"ThrottlingException\"}", "ThrottlingException",
            "\"ThrottlingException\"", "{\"Message\":\"\\\",\\\"Code\\\":\\\"ThrottlingException\\\"\"}",
            "<Error><Code>SlowDown</Code></Error>",
        ] { #expect(!Array(body.utf8).withUnsafeBytes { ThrottleDetection.decide(body: $0) }, "\(body)") }
    }

    @Test(
        "The body's code: Code, then code, then __type",
        arguments: [
            ("{\"code\":\"Throttling\"}", "Throttling"), ("{\"__type\":\"ns#Throttling\"}", "ns#Throttling"),
            ("{\"__type\":\"A\",\"code\":\"B\",\"Code\":\"C\"}", "C"),
            ("{\"__type\":\"A\",\"code\":\"B\"}", "B"), ("{\"Code\":null,\"code\":\"B\"}", "B"), ("{\"CODE\":\"A\"}", nil), ("{}", nil),
            ("", nil),
        ] as [(String, String?)])
    func order(body: String, expected: String?) {
        let found = Array(body.utf8).withUnsafeBytes { ThrottleDetection.errorCode(body: $0) { String(decoding: $0, as: UTF8.self) } }
        #expect(found == expected)
    }
}

@Suite("Finding one member of a JSON object")
struct JSONMemberScannerTests {
    static func find(_ text: [UInt8]) -> String? {
        text.withUnsafeBytes { bytes in
            var scanner = JSONMemberScanner(bytes)
            return scanner.stringMember("Code").map { String(decoding: $0, as: UTF8.self) }
        }
    }

    @Test(
        "At the top level only, wherever it stands",
        arguments: [
            ("{\"Code\":\"A\"}", "A"), (" {\r\n\t\"Code\" : \"A\" } ", "A"), ("{\"a\":1,\"Code\":\"A\"}", "A"),
            ("{\"a\":{\"Code\":\"B\"},\"Code\":\"A\"}", "A"),
            ("{\"a\":[{\"Code\":\"B\"},\"Code\",[\"Code\"]],\"Code\":\"A\"}", "A"), ("{\"a\":\"Code\",\"Code\":\"A\"}", "A"),
            ("{\"a\":\"}\",\"Code\":\"A\"}", "A"), ("{\"a\":\"\\\"\",\"Code\":\"A\"}", "A"), ("{\"a\":\"\\\\\",\"Code\":\"A\"}", "A"),
            ("{\"a\":\"\\\\\\\"{\",\"Code\":\"A\"}", "A"), ("{\"a\\\"\":1,\"Code\":\"A\"}", "A"), ("{\"Code\":\"A\\\"B\"}", "A\\\"B"),
            ("{\"Code\":\"\"}", ""),
            ("{\"Code\":\"A\",\"Code\":\"B\"}", "A"), ("{\"Codes\":\"B\",\"Code\":\"A\"}", "A"),
            ("{\"a\":-1.5e3,\"b\":true,\"Code\":\"A\"}", "A"),
            ("{\"Error\":{\"Code\":\"B\"}}", nil), ("[{\"Code\":\"A\"}]", nil), ("[\"x\",\"Code\",\"A\"]", nil), ("{\"a\":\"Code\"}", nil),
            ("{\"Code\":1}", nil), ("{\"Code\":{\"Code\":\"A\"}}", nil), ("{\"code\":\"A\"}", nil), ("\"Code\":\"A\"", nil),
            ("{\"Co\\u0064e\":\"A\"}", nil),
        ] as [(String, String?)])
    func topLevel(text: String, expected: String?) {
        #expect(Self.find(Array(text.utf8)) == expected)
    }

    @Test(
        "What is no JSON object holds no member",
        arguments: [
            "", "{", "{\"", "{\"Code", "{\"Code\"", "{\"Code\":", "{\"Code\":\"", "{\"Code\":\"A", "{\"Code\" \"A\"}", "{\"Code\"::\"A\"}",
            "{\"a\\", "{\"a\":\"\\",
            "x{\"Code\":\"A\"}", "[\"x\",\"Code\":\"A\"]", "{}{\"Code\":\"A\"}", "}{\"Code\":\"A\"}", "]],\"Code\":\"A\"",
            "null {\"Code\":\"A\"}", "{[\"Code\":\"A\"]}", "{{\"Code\":\"A\"}}",
        ])
    func malformed(text: String) {
        #expect(Self.find(Array(text.utf8)) == nil)
    }

    @Test("Cut anywhere, it finds the member or nothing")
    func everyCut() {
        let text = Array("{\"Message\":\"a \\\"b\\\\\",\"x\":[1,{\"y\":null}],\"Code\":\"SlowDown\"}".utf8)
        for length in 0..<(text.count - 1) { #expect(Self.find(Array(text[..<length])) == nil) }
        #expect(Self.find(text) == "SlowDown")
    }

    @Test("Random bytes are no crash", arguments: [11, 12] as [UInt64])
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let alphabet = Array("{}[]\",:\\ Code1\n".utf8) + [0, 0xFF]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            if let found = Self.find(text) {
                #expect(found.utf8.count <= text.count && text.first(where: { $0 != 0x20 && $0 != 0x0A }) == UInt8(ascii: "{"))
            }
            text.withUnsafeBytes { _ = ThrottleDetection.bareCode($0).count }
        }
    }
}

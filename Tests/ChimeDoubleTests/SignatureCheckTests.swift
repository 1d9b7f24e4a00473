import Testing

@testable import ChimeDouble

struct SignatureCheckTests {
    private let check = SignatureCheck(credentials: [.example], regions: ["us-east-1"], services: ["chime"])

    struct Accepted: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var example: SignedExample
    }

    @Test(arguments: [
        Accepted(testDescription: "plain", example: SignedExample()),
        Accepted(
            testDescription: "literal plus",
            example: SignedExample(target: "/phone-numbers/+12065550100", canonicalPath: "/phone-numbers/%2B12065550100")),
        Accepted(
            testDescription: "lower-case hexadecimal stays",
            example: SignedExample(target: "/phone-numbers/%2b12065550100", canonicalPath: "/phone-numbers/%252b12065550100")),
        Accepted(
            testDescription: "dot segments are resolved",
            example: SignedExample(target: "/x/../phone-numbers/./%2B12065550100")),
        Accepted(
            testDescription: "query sorted and encoded",
            example: SignedExample(
                method: "GET", target: "/phone-numbers?status=Unassigned&max-results=2&a=%7e+b", canonicalPath: "/phone-numbers",
                canonicalQuery: "a=~%2Bb&max-results=2&status=Unassigned")),
        Accepted(
            testDescription: "folded white space in a signed field",
            example: SignedExample(
                signedHeaders: "host;x-amz-date;x-note", extraHeaders: [("X-Note", "  a   b ")], extraCanonicalLines: "x-note:a b\n")),
        Accepted(
            testDescription: "repeated field",
            example: SignedExample(
                signedHeaders: "host;x-amz-date;x-note", extraHeaders: [("X-Note", "a"), ("X-Note", "b")],
                extraCanonicalLines: "x-note:a,b\n")),
        Accepted(testDescription: "body", example: SignedExample(body: Array("{}".utf8))),
        Accepted(testDescription: "5 minutes behind", example: SignedExample(date: "20261124T115500Z")),
        Accepted(testDescription: "5 minutes ahead", example: SignedExample(date: "20261124T120500Z")),
    ])
    func accepts(_ accepted: Accepted) throws {
        let finding = check.examine(try accepted.example.request(), now: SignedExample.noon)
        #expect(finding.failure == nil)
        #expect(finding.canonicalRequest?.contains("\n\(accepted.example.canonicalPath)\n") == true)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var example = SignedExample()
        var change: @Sendable (inout ReceivedRequest) -> Void = { _ in }
        var status = 403
        var type: String
    }

    @Test(arguments: [
        Refused(
            testDescription: "unsigned", change: { $0.headers.removeAll { $0.name == "Authorization" } },
            type: "MissingAuthenticationTokenException"),
        Refused(
            testDescription: "other scheme", change: { $0.headers[2].value = "Bearer abc" }, status: 400,
            type: "IncompleteSignatureException"),
        Refused(
            testDescription: "no signature part", change: { $0.headers[2].value = String($0.headers[2].value.prefix { $0 != "," }) },
            status: 400, type: "IncompleteSignatureException"),
        Refused(
            testDescription: "two Authorization fields", change: { $0.headers.append(("Authorization", "Bearer abc")) }, status: 400,
            type: "IncompleteSignatureException"),
        Refused(testDescription: "unknown key", example: SignedExample(accessKeyId: "AKIDOTHER"), type: "UnrecognizedClientException"),
        Refused(
            testDescription: "session token of nobody", change: { $0.headers.append(("X-Amz-Security-Token", "t")) },
            type: "UnrecognizedClientException"),
        Refused(testDescription: "wrong secret", example: SignedExample(secretAccessKey: "wrong"), type: "InvalidSignatureException"),
        Refused(testDescription: "wrong region", example: SignedExample(region: "eu-west-1"), type: "InvalidSignatureException"),
        Refused(testDescription: "wrong service", example: SignedExample(service: "s3"), type: "InvalidSignatureException"),
        Refused(testDescription: "scope of another day", example: SignedExample(day: "20261123"), type: "InvalidSignatureException"),
        Refused(testDescription: "301 s behind", example: SignedExample(date: "20261124T115459Z"), type: "InvalidSignatureException"),
        Refused(testDescription: "301 s ahead", example: SignedExample(date: "20261124T120501Z"), type: "InvalidSignatureException"),
        Refused(
            testDescription: "no such date", example: SignedExample(date: "20261131T120000Z"), status: 400,
            type: "IncompleteSignatureException"),
        Refused(
            testDescription: "path encoded once only", example: SignedExample(canonicalPath: "/phone-numbers/%2B12065550100"),
            type: "InvalidSignatureException"),
        Refused(
            testDescription: "other number", change: { $0.target = "/phone-numbers/%2B12065550101" }, type: "InvalidSignatureException"),
        Refused(testDescription: "other method", change: { $0.method = "GET" }, type: "InvalidSignatureException"),
        Refused(testDescription: "other host", change: { $0.headers[0].value = "evil.example" }, type: "InvalidSignatureException"),
        Refused(testDescription: "body added", change: { $0.body = [0x7B] }, type: "InvalidSignatureException"),
        Refused(testDescription: "query added", change: { $0.target += "?a=b" }, type: "InvalidSignatureException"),
        Refused(
            testDescription: "unsigned x-amz field", change: { $0.headers.append(("X-Amz-Target", "x")) }, type: "InvalidSignatureException"
        ),
        Refused(
            testDescription: "signed names out of order", example: SignedExample(signedHeaders: "x-amz-date;host"),
            type: "InvalidSignatureException"),
        Refused(
            testDescription: "signed name without field", example: SignedExample(signedHeaders: "host;x-amz-date;x-note"),
            type: "InvalidSignatureException"),
    ])
    func refuses(_ refused: Refused) throws {
        var request = try refused.example.request()
        refused.change(&request)
        let failure = try #require(check.examine(request, now: SignedExample.noon).failure)
        #expect(failure.type == refused.type)
        #expect(failure.status == refused.status)
    }

    @Test func sessionTokenIsNeededSignedAndNeverShown() throws {
        let credential = DoubleCredential(
            accessKeyId: DoubleCredential.example.accessKeyId, secretAccessKey: DoubleCredential.example.secretAccessKey,
            sessionToken: "very-secret-token")
        let check = SignatureCheck(credentials: [credential], regions: ["us-east-1"], services: ["chime"])
        #expect(
            check.examine(try SignedExample().request(), now: SignedExample.noon).failure?.type == "UnrecognizedClientException")

        var example = SignedExample(
            signedHeaders: "host;x-amz-date;x-amz-security-token", extraHeaders: [("X-Amz-Security-Token", "very-secret-token")],
            extraCanonicalLines: "x-amz-security-token:very-secret-token\n")
        #expect(check.examine(try example.request(), now: SignedExample.noon).failure == nil)

        example.secretAccessKey = "wrong"
        let finding = check.examine(try example.request(), now: SignedExample.noon)
        #expect(finding.failure?.type == "InvalidSignatureException")
        #expect(finding.failure?.message.contains("very-secret-token") == false)
        #expect(finding.canonicalRequest?.contains("very-secret-token") == false)
    }

    @Test func credentialIsNotDescribedWithItsSecret() {
        #expect("\(DoubleCredential.example)".contains("wJalr") == false)
    }
}

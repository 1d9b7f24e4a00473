import Digests

@testable import ChimeDouble

/// Signs requests for the tests with the steps written out once more, so that a case can break one of them.
struct SignedExample {
    var method = "DELETE"
    var target = "/phone-numbers/%2B12065550100"
    var host = "service.chime.aws.amazon.com"
    var date = "20261124T120000Z"
    var accessKeyId = DoubleCredential.example.accessKeyId
    var secretAccessKey = DoubleCredential.example.secretAccessKey
    var day = "20261124"
    var region = "us-east-1"
    var service = "chime"
    var signedHeaders = "host;x-amz-date"
    var extraHeaders: [(name: String, value: String)] = []
    var extraCanonicalLines = ""
    var canonicalPath = "/phone-numbers/%252B12065550100"
    var canonicalQuery = ""
    var body: [UInt8] = []

    /// 2026-11-24T12:00:00Z.
    static let noon: Int64 = 1_795_521_600_000

    func request() throws -> ReceivedRequest {
        let canonical =
            "\(method)\n\(canonicalPath)\n\(canonicalQuery)\nhost:\(host)\nx-amz-date:\(date)\n\(extraCanonicalLines)\n\(signedHeaders)\n"
            + Hex.string(try SHA256.hash(body))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let stringToSign = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n" + Hex.string(try SHA256.hash(Array(canonical.utf8)))
        let dayKey = try HMACSHA256.authenticate(Array(day.utf8), key: Array("AWS4\(secretAccessKey)".utf8))
        let regionKey = try HMACSHA256.authenticate(Array(region.utf8), key: dayKey)
        let serviceKey = try HMACSHA256.authenticate(Array(service.utf8), key: regionKey)
        let signingKey = try HMACSHA256.authenticate(Array("aws4_request".utf8), key: serviceKey)
        let signature = Hex.string(try HMACSHA256.authenticate(Array(stringToSign.utf8), key: signingKey))
        let authorization =
            "AWS4-HMAC-SHA256 Credential=\(accessKeyId)/\(scope), SignedHeaders=\(signedHeaders), Signature=\(signature)"
        return ReceivedRequest(
            method: method, target: target,
            headers: [("Host", host), ("X-Amz-Date", date)] + extraHeaders + [("Authorization", authorization)], body: body)
    }
}

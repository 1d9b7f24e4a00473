import SigV4
import Testing

@testable import ChimeDouble

/// The signer and the double read the same specification apart from each other; here they must agree.
struct TwoReadingsTests {
    @Test(arguments: [
        "/phone-numbers/%2B12065550100", "/phone-numbers/+12065550100", "/phone-numbers/%2b12065550100", "/", "/a//b/./c/../d/",
        "/*!'():@;=~-_.", "/%E2%82%AC/\u{20ac}", "/a%20b", "/phone-numbers?status=Unassigned&max-results=2", "/?b=%2B&a=1&a=0&c&=x",
        "/?%7e=%7E&A=1&a=2&B=",
    ])
    func agree(target: String) throws {
        let path = target.prefix { $0 != "?" }
        let query = target.dropFirst(path.count).dropFirst()
        let time = SigningTime(epochSeconds: SignedExample.noon / 1000)
        let signed = try Signer(service: "chime", region: "us-east-1").signFields(
            of: UnsignedRequest(
                method: "DELETE", path: Array(path.utf8), query: Array(query.utf8), fields: [HeaderField("Host", "chime.example:8443")]),
            credentials: Credentials(
                accessKeyID: DoubleCredential.example.accessKeyId, secretAccessKey: DoubleCredential.example.secretAccessKey),
            time: time)
        let request = ReceivedRequest(
            method: "DELETE", target: target, headers: signed.fields.map { ($0.name, $0.valueText) })
        let check = SignatureCheck(credentials: [.example], regions: ["us-east-1"], services: ["chime"])
        let finding = check.examine(request, now: SignedExample.noon)
        #expect(finding.failure == nil)
        #expect(finding.canonicalRequest == signed.canonicalRequest.text)
    }
}

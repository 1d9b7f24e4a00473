/// The parts of an `Authorization` field:
/// `AWS4-HMAC-SHA256 Credential=<key>/<day>/<region>/<service>/aws4_request, SignedHeaders=<a;b>, Signature=<64 hex digits>`.
struct SignatureClaim {
    var accessKeyId: String
    /// `20150830`.
    var day: String
    var region: String
    var service: String
    var signedNames: [String]
    var signature: String

    var scope: String { "\(day)/\(region)/\(service)/aws4_request" }

    /// - Parameter fields: the values of all `Authorization` fields of a request.
    init(_ fields: [String]) throws(ServiceError) {
        guard let field = fields.first else { throw ServiceError.missingAuthenticationToken }
        guard fields.count == 1 else { throw .incompleteSignature("There is more than one Authorization field.") }
        let algorithm = "AWS4-HMAC-SHA256 "
        guard field.hasPrefix(algorithm) else {
            throw .incompleteSignature("The Authorization field does not begin with AWS4-HMAC-SHA256.")
        }

        var parts: [Substring: Substring] = [:]
        for part in field.dropFirst(algorithm.count).split(separator: ",") {
            let halves = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, parts.updateValue(halves[1], forKey: halves[0]) == nil else {
                throw .incompleteSignature("A part of the Authorization field is not of the form Name=value, or stands twice.")
            }
        }
        for name in ["Credential", "SignedHeaders", "Signature"] where parts[Substring(name), default: ""].isEmpty {
            throw .incompleteSignature("The Authorization field has no \(name).")
        }
        let credential = parts["Credential", default: ""].split(separator: "/", omittingEmptySubsequences: false)
        guard credential.count == 5, credential[4] == "aws4_request", credential[1].utf8.count == 8 else {
            throw .incompleteSignature("Credential is not of the form key/yyyymmdd/region/service/aws4_request.")
        }
        accessKeyId = String(credential[0])
        day = String(credential[1])
        region = String(credential[2])
        service = String(credential[3])
        signedNames = parts["SignedHeaders", default: ""].split(separator: ";").map(String.init)
        signature = String(parts["Signature", default: ""])
    }
}

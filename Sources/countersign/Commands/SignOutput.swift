import FoundationEssentials
import SigV4

/// The object that `sign --json` prints.
struct SignOutput: Encodable {
    var canonicalRequest: String
    var stringToSign: String
    var signature: String
    /// Null for a presigned request.
    var authorization: String?
    /// What to send, by name as given; values of a repeated name are joined by commas.
    var headers: [String: String]
    /// Presigned requests only.
    var url: String?

    init(_ signed: SignedRequest, url: String?) {
        canonicalRequest = signed.canonicalRequest.text
        stringToSign = signed.stringToSign.text
        signature = signed.signature.hex
        authorization = signed.authorization
        headers = [:]
        var spelling: [String: String] = [:]
        for field in signed.fields {
            let name = spelling[field.canonicalName, default: field.name]
            spelling[field.canonicalName] = name
            headers[name] = headers[name].map { "\($0),\(field.valueText)" } ?? field.valueText
        }
        self.url = url
    }

    private enum CodingKeys: CodingKey { case canonicalRequest, stringToSign, signature, authorization, headers, url }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(canonicalRequest, forKey: .canonicalRequest)
        try container.encode(stringToSign, forKey: .stringToSign)
        try container.encode(signature, forKey: .signature)
        try container.encode(authorization, forKey: .authorization)
        try container.encode(headers, forKey: .headers)
        try container.encodeIfPresent(url, forKey: .url)
    }

    /// The object, on several lines where `isPretty`, and a line end.
    func json(isPretty: Bool) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            isPretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data([0x0A])
    }
}

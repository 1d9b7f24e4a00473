import ArgumentParser
import FoundationEssentials
import SigV4

/// One line of `sign --batch`: what the options of the same names say, for this request alone.
struct SignBatchLine: Decodable {
    var method: String?
    var url: String?
    /// `Name: value` each.
    var headers: [String]?
    var data: String?
    /// A body that is no text.
    var dataBase64: String?
    /// A raw HTTP/1.1 request, instead of the members above.
    var request: String?
    var accessKeyId: String?
    var secretAccessKey: String?
    var sessionToken: String?
    var service: String?
    var region: String?
    var at: String?
    var normalizePath: Bool?
    var doubleEncode: Bool?
    var signSessionToken: Bool?
    var presign: Bool?
    var expires: Int?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case method, url, headers, data, dataBase64, request, accessKeyId, secretAccessKey, sessionToken, service, region, at
        case normalizePath, doubleEncode, signSessionToken, presign, expires
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A misspelt member must not pass for an absent one.
    static func parse(_ line: Data) throws -> SignBatchLine {
        struct Names: Decodable {
            let names: [String]
            init(from decoder: any Decoder) throws {
                names = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
            }
        }
        do {
            let known = Set(CodingKeys.allCases.map(\.rawValue))
            if let unknown = try JSONDecoder().decode(Names.self, from: line).names.sorted().first(where: { !known.contains($0) }) {
                throw ValidationError(
                    "\"\(unknown)\" is no member of a request; the members are \(known.sorted().joined(separator: ", ")).")
            }
            return try JSONDecoder().decode(SignBatchLine.self, from: line)
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw ValidationError("The value of \"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type.")
        } catch is DecodingError {
            throw ValidationError("The line is no JSON object such as {\"method\":\"DELETE\",\"url\":\"https://HOST/PATH\"}.")
        }
    }

    func job() throws -> SignJob {
        if let request { return try SignJob(raw: Array(request.utf8), headers: headers ?? []) }
        guard let method, let url else { throw ValidationError("A request needs \"method\" and \"url\", or \"request\".") }
        var body = Array((data ?? "").utf8)
        if let dataBase64 {
            guard let decoded = Data(base64Encoded: dataBase64) else { throw ValidationError("\"dataBase64\" is no Base64.") }
            body = Array(decoded)
        }
        return try SignJob(method: method, url: url, headers: headers ?? [], body: body)
    }

    /// The options of the command line with what this line says instead.
    func rules(over rules: SignRuleOptions) throws -> SignRuleOptions {
        var rules = rules
        rules.service = service ?? rules.service
        rules.region = region ?? rules.region
        if let at {
            guard let time = SigningTime(at) else { throw ValidationError("\"at\" must be like 2015-08-30T12:36:00Z.") }
            rules.at = time
        }
        rules.normalizePath = normalizePath ?? rules.normalizePath
        rules.doubleEncode = doubleEncode ?? rules.doubleEncode
        rules.signSessionToken = signSessionToken ?? rules.signSessionToken
        rules.presign = presign ?? rules.presign
        rules.expires = expires ?? rules.expires
        try rules.validate()
        return rules
    }

    func keys(over keys: SignKeyOptions) throws -> SignKeyOptions {
        guard accessKeyId != nil || secretAccessKey != nil || sessionToken != nil else { return keys }
        var keys = keys
        keys.accessKeyId = accessKeyId ?? keys.accessKeyId
        keys.secretAccessKey = secretAccessKey ?? keys.secretAccessKey
        keys.sessionToken = sessionToken
        try keys.validate()
        return keys
    }
}

import FoundationEssentials
import GatewayCore

/// The JSON in which metadata services, containers and processes give credentials.
struct CredentialDocument: Decodable {
    var version: Int?
    /// Of the instance metadata service: `Success`, or why not.
    var code: String?
    var message: String?
    var accessKeyID: String?
    var secretAccessKey: String?
    /// `SessionToken` of a process, `Token` of the services.
    var sessionToken: String?
    var token: String?
    /// RFC 3339.
    var expiration: String?

    enum CodingKeys: String, CodingKey {
        case version = "Version"
        case code = "Code"
        case message = "Message"
        case accessKeyID = "AccessKeyId"
        case secretAccessKey = "SecretAccessKey"
        case sessionToken = "SessionToken"
        case token = "Token"
        case expiration = "Expiration"
    }

    /// - Parameter source: whose answer it is, for the message.
    static func parse(_ bytes: [UInt8], from source: String) throws(CredentialFailure) -> CredentialDocument {
        do {
            return try JSONDecoder().decode(CredentialDocument.self, from: Data(bytes))
        } catch {
            // Not its text: it may hold half a secret.
            throw CredentialFailure("\(source) gave no JSON object with credentials")
        }
    }

    func grant(from source: String, clock: ClockSample? = nil) throws(CredentialFailure) -> CredentialGrant {
        if let code, code != "Success" { throw CredentialFailure("\(source) says \(code)\(message.map { ": \($0)" } ?? "")") }
        guard let accessKeyID, let secretAccessKey, !accessKeyID.isEmpty, !secretAccessKey.isEmpty else {
            throw CredentialFailure("\(source) gave no AccessKeyId and SecretAccessKey")
        }
        var expiresAt: Int64?
        if let expiration {
            guard let time = RFC3339.parse(expiration.utf8) else {
                throw CredentialFailure("\(source) gave an Expiration that is no RFC 3339 time")
            }
            expiresAt = time
        }
        var grant = CredentialGrant(
            accessKeyID: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: sessionToken ?? token, expiresAt: expiresAt)
        grant.clock = clock
        return grant
    }
}

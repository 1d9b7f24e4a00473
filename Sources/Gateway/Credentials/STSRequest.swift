import Digests
import GatewayCore
import SigV4

/// AWS Security Token Service, query protocol, version 2011-06-15 (AWS STS API reference: AssumeRole, AssumeRoleWithWebIdentity).
struct STSRequest {
    /// `https://sts.eu-west-1.amazonaws.com`; nil: the one of the region.
    var endpoint: String?
    var region: String
    var role: ProfilePlan.RolePlan

    /// The name of a session that the configuration gives no name: 2 to 64 characters (AWS STS API reference).
    static let sessionName = "countersign"

    /// Signed with the credentials that may take on the role.
    func assumeRole(
        with source: Credentials, epochSeconds: Int64, isCancelled: @escaping () -> Bool
    ) throws(CredentialFailure) -> CredentialGrant {
        var parameters = common("AssumeRole")
        if let externalID = role.externalID { parameters.append(("ExternalId", externalID)) }
        var fetch = try request(parameters)
        do throws(DigestError) {
            let signed = try Signer(service: "sts", region: region).signFields(
                of: UnsignedRequest(
                    method: "POST", path: Array(fetch.target.utf8),
                    fields: [HeaderField("Host", fetch.authority), HeaderField("Content-Type", Self.contentType)],
                    payload: try PayloadHash.sha256(of: fetch.body)),
                credentials: source, time: SigningTime(epochSeconds: epochSeconds))
            for field in signed.fields where field.canonicalName != "host" && field.canonicalName != "content-type" {
                fetch.fields.append((field.name, field.valueText))
            }
        } catch {
            throw CredentialFailure("the request to STS could not be signed: \(error)")
        }
        return try run(fetch, isCancelled)
    }

    /// Not signed: the token is the proof.
    func assumeRoleWithWebIdentity(token: String, isCancelled: @escaping () -> Bool) throws(CredentialFailure) -> CredentialGrant {
        try run(try request(common("AssumeRoleWithWebIdentity") + [("WebIdentityToken", token)]), isCancelled)
    }

    private static let contentType = "application/x-www-form-urlencoded; charset=utf-8"

    private func common(_ action: String) -> [(String, String)] {
        var parameters = [
            ("Action", action), ("Version", "2011-06-15"), ("RoleArn", role.roleARN),
            ("RoleSessionName", role.sessionName ?? Self.sessionName),
        ]
        if let seconds = role.durationSeconds { parameters.append(("DurationSeconds", "\(seconds)")) }
        return parameters
    }

    private func request(_ parameters: [(String, String)]) throws(CredentialFailure) -> HTTPFetch {
        let url = endpoint ?? "https://sts.\(region).\(region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com")"
        guard var fetch = HTTPFetch(url: url) else { throw CredentialFailure("\(url) is no URL of an STS endpoint") }
        fetch.method = "POST"
        fetch.fields = [("Content-Type", Self.contentType), ("Accept", "application/xml")]
        fetch.body = Array(parameters.map { $0 + "=" + Self.formEncoded($1) }.joined(separator: "&").utf8)
        return fetch
    }

    /// Everything but unreserved characters is encoded (RFC 3986 section 2.3), which every reader of forms takes.
    static func formEncoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? 0x30 + digit : 0x41 + digit - 10) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func run(_ fetch: HTTPFetch, _ isCancelled: @escaping () -> Bool) throws(CredentialFailure) -> CredentialGrant {
        let source = "STS at \(fetch.authority)"
        let answer: HTTPFetch.Answer
        do throws(ConnectionFailure) { answer = try fetch.run(isCancelled: isCancelled) } catch {
            throw CredentialFailure("\(source): \(error.words)")
        }
        return try Self.parse(answer, from: source)
    }

    static func parse(_ answer: HTTPFetch.Answer, from source: String) throws(CredentialFailure) -> CredentialGrant {
        let text = answer.text
        guard answer.status == 200 else {
            let code = element("Code", in: text) ?? "status \(answer.status)"
            var failure = CredentialFailure("\(source) refuses: \(code)\(element("Message", in: text).map { ": \($0)" } ?? "")")
            if let refusal = Array(code.utf8).withUnsafeBytes({ ClockRefusal(code: $0) }), let clock = answer.clock {
                failure.clock = CredentialFailure.RefusedClock(refusal: refusal, sample: clock)
            }
            throw failure
        }
        guard let accessKeyID = element("AccessKeyId", in: text), let secret = element("SecretAccessKey", in: text),
            let token = element("SessionToken", in: text), let expiration = element("Expiration", in: text),
            let expiresAt = RFC3339.parse(expiration.utf8)
        else { throw CredentialFailure("\(source) gave an answer without credentials") }
        var grant = CredentialGrant(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token, expiresAt: expiresAt)
        grant.clock = answer.clock
        return grant
    }

    /// The text of the first element with that name. STS's documents are flat enough for it: no name stands twice in them.
    static func element(_ name: String, in text: String) -> String? {
        let open = "<\(name)>"
        let parts = split(text, at: open)
        guard parts.count > 1, let value = split(parts[1], at: "</\(name)>").first else { return nil }
        var unescaped = value
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
            unescaped = split(unescaped, at: entity).joined(separator: character)
        }
        return unescaped
    }

    private static func split(_ text: String, at mark: String) -> [String] {
        var parts: [String] = []
        var current = Substring(text)
        while let start = current.indices.first(where: { current[$0...].hasPrefix(mark) }) {
            parts.append(String(current[..<start]))
            current = current[start...].dropFirst(mark.count)
        }
        return parts + [String(current)]
    }
}

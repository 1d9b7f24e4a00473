import Digests

/// Whether a request is signed with a key that the double knows (AWS Signature Version 4, `Authorization` field).
struct SignatureCheck {
    var credentials: [DoubleCredential]
    var regions: Set<String>
    var services: Set<String>

    /// How far `x-amz-date` may be from the server's clock, either way: 5 minutes.
    static let toleratedSkewSeconds: Int64 = 300

    /// What the check found. `failure` is nil for a right signature.
    struct Finding {
        var failure: ServiceError?
        /// Without the value of a session token, so that it can be shown and recorded.
        var canonicalRequest: String?
    }

    /// - Parameter now: milliseconds since 1970.
    func examine(_ request: ReceivedRequest, now: Int64) -> Finding {
        var finding = Finding()
        do {
            let claim = try SignatureClaim(request.values(of: "authorization"))
            finding.canonicalRequest = try canonicalRequest(of: withoutToken(request), claim: claim)
            try verify(request, claim: claim, now: now, shown: finding.canonicalRequest ?? "")
        } catch let error as ServiceError {
            finding.failure = error
        } catch {
            finding.failure = .serviceFailure("\(error)")
        }
        return finding
    }

    private func verify(_ request: ReceivedRequest, claim: SignatureClaim, now: Int64, shown: String) throws {
        guard let credential = credentials.first(where: { $0.accessKeyId == claim.accessKeyId }) else {
            throw ServiceError.unrecognizedClient("The access key of the signature is not known here.")
        }
        let tokens = request.values(of: "x-amz-security-token")
        guard tokens == (credential.sessionToken.map { [$0] } ?? []) else {
            throw ServiceError.unrecognizedClient("The session token does not belong to the access key of the signature.")
        }
        guard regions.contains(claim.region) else {
            throw ServiceError.invalidSignature("The credential scope names region '\(claim.region)'; here it is \(regions.sorted()).")
        }
        guard services.contains(claim.service) else {
            throw ServiceError.invalidSignature("The credential scope names service '\(claim.service)'; here it is \(services.sorted()).")
        }
        let date = try signingDate(request, claim: claim, now: now)
        try checkSignedNames(claim.signedNames, of: request)

        let canonical = Array(try canonicalRequest(of: request, claim: claim).utf8)
        let stringToSign = "AWS4-HMAC-SHA256\n\(date)\n\(claim.scope)\n\(Hex.string(try SHA256.hash(canonical)))"
        var key = Array("AWS4\(credential.secretAccessKey)".utf8)
        for part in [claim.day, claim.region, claim.service, "aws4_request"] {
            key = try HMACSHA256.authenticate(Array(part.utf8), key: key)
        }
        let expected = Hex.string(try HMACSHA256.authenticate(Array(stringToSign.utf8), key: key))
        guard ConstantTime.equal(Array(expected.utf8), Array(claim.signature.utf8)) else {
            throw ServiceError.invalidSignature(
                "The signature does not belong to this request and key. The canonical request is here:\n\(shown)\n"
                    + "and the string to sign:\n\(stringToSign)")
        }
    }

    private func signingDate(_ request: ReceivedRequest, claim: SignatureClaim, now: Int64) throws -> String {
        let dates = request.values(of: "x-amz-date")
        guard dates.count == 1, let date = dates.first, let seconds = CivilTime.seconds(basic: date) else {
            throw ServiceError.incompleteSignature("The request needs one x-amz-date of the form 20150830T123600Z.")
        }
        guard date.hasPrefix(claim.day) else {
            throw ServiceError.invalidSignature("The day of the credential scope, \(claim.day), is not that of x-amz-date, \(date).")
        }
        let skew = seconds - now / 1000
        guard abs(skew) <= Self.toleratedSkewSeconds else {
            throw ServiceError.invalidSignature(
                "x-amz-date \(date) is \(abs(skew)) s \(skew < 0 ? "behind" : "ahead of") the clock here; \(Self.toleratedSkewSeconds) s are tolerated."
            )
        }
        return date
    }

    /// `host` and every `x-amz-` field must be signed, nothing that is absent may be, and the list is in order of its names.
    private func checkSignedNames(_ names: [String], of request: ReceivedRequest) throws {
        guard zip(names, names.dropFirst()).allSatisfy({ $0.utf8.lexicographicallyPrecedes($1.utf8) }),
            names.allSatisfy({ $0 == $0.lowercased() })
        else { throw ServiceError.invalidSignature("SignedHeaders must be in lower case, sorted, each name once.") }
        let present = Set(request.headers.map { $0.name.lowercased() })
        for name in present.sorted() where (name == "host" || name.hasPrefix("x-amz-")) && !names.contains(name) {
            throw ServiceError.invalidSignature("The field '\(name)' must be among the SignedHeaders.")
        }
        guard names.contains("host"), present.contains("host") else {
            throw ServiceError.invalidSignature("The field 'host' must be present and among the SignedHeaders.")
        }
        if let absent = names.first(where: { !present.contains($0) }) {
            throw ServiceError.invalidSignature("SignedHeaders names '\(absent)', which the request does not carry.")
        }
    }

    private func canonicalRequest(of request: ReceivedRequest, claim: SignatureClaim) throws -> String {
        let hash = Hex.string(try SHA256.hash(request.body))
        // Services other than S3 take the hash of what arrived, whatever x-amz-content-sha256 says.
        return CanonicalForm.text(of: request, signedNames: claim.signedNames, payloadHash: hash)
    }

    private func withoutToken(_ request: ReceivedRequest) -> ReceivedRequest {
        var shown = request
        for index in shown.headers.indices where shown.headers[index].name.lowercased() == "x-amz-security-token" {
            shown.headers[index].value = "[session token]"
        }
        return shown
    }
}

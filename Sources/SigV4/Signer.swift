import Digests

/// A signed request with every stage that led to it.
public struct SignedRequest: Sendable {
    public let canonicalRequest: CanonicalRequest
    public let stringToSign: StringToSign
    public let scope: CredentialScope
    public let signature: Signature
    /// The value of the `Authorization` field; nil for a presigned request, which carries its signature in the query.
    public let authorization: String?
    /// The field lines to send, `Authorization` last.
    public let fields: [HeaderField]
    /// The path to send: as it was given.
    public let path: [UInt8]
    /// The query to send: as it was given, or with the signature where presigned.
    public let query: [UInt8]
}

/// Signs requests for one service in one region, in the fields or in the query. Keeps the signing keys that it derives.
///
/// This is the readable way, stage by stage; `RequestSigner` is the fast one for a proxy's hot path. Both give the same signature.
public struct Signer {
    public let service: String
    public let region: String
    public let options: SigningOptions
    private let keys = SigningKeyCache()

    /// `service` and `region` as in a credential scope: `chime`, `us-east-1`.
    public init(service: String, region: String, options: SigningOptions = SigningOptions()) {
        self.service = service
        self.region = region
        self.options = options
    }

    /// Adds `X-Amz-Date`, `X-Amz-Security-Token` where there is a token, and `Authorization`, in place of any that `request` holds.
    ///
    /// A field `X-Amz-Content-Sha256` in `request` gives the payload hash, whatever `request.payload` says.
    public func signFields(of request: UnsignedRequest, credentials: Credentials, time: SigningTime) throws(DigestError) -> SignedRequest {
        var request = request
        request.fields.removeAll { Signer.ownNames.contains($0.canonicalName) }
        applyPayloadHashField(to: &request)
        request.fields.append(HeaderField("X-Amz-Date", time.text))
        let token = credentials.sessionToken.map { HeaderField("X-Amz-Security-Token", $0) }
        if let token, options.signsSessionToken { request.fields.append(token) }

        let stages = try Stages(request, signer: self, credentials: credentials, time: time)
        let authorization =
            "\(StringToSign.algorithm) Credential=\(credentials.accessKeyID)/\(stages.scope.text), "
            + "SignedHeaders=\(stages.canonicalRequest.signedHeaders), Signature=\(stages.signature.hex)"
        if let token, !options.signsSessionToken { request.fields.append(token) }
        request.fields.append(HeaderField("Authorization", authorization))
        return SignedRequest(
            canonicalRequest: stages.canonicalRequest, stringToSign: stages.stringToSign, scope: stages.scope, signature: stages.signature,
            authorization: authorization, fields: request.fields, path: request.path, query: request.query)
    }

    /// Puts the signature into the query, so that the address alone is good for `expiresIn` seconds (AWS allows 1 to 604,800).
    ///
    /// Authentication parameters that `request` holds already are replaced. The query to send is canonical, `X-Amz-Signature` last.
    public func presign(
        _ request: UnsignedRequest, credentials: Credentials, time: SigningTime, expiresIn: Int
    ) throws(DigestError) -> SignedRequest {
        var request = request
        request.fields.removeAll { Signer.ownNames.contains($0.canonicalName) }
        if let given = payloadHashField(of: request) { request.payload = given }
        let scope = CredentialScope(time: time, region: region, service: service)
        let signedHeaders = CanonicalRequest(request, options: options).signedHeaders
        var pairs = CanonicalQuery.pairs(request.query).filter { !Signer.ownParameters.contains(String(decoding: $0.name, as: UTF8.self)) }
        func add(_ name: String, _ value: String) { pairs.append((Array(name.utf8), Array(value.utf8))) }
        add("X-Amz-Algorithm", StringToSign.algorithm)
        add("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope.text)")
        add("X-Amz-Date", time.text)
        add("X-Amz-Expires", String(expiresIn))
        add("X-Amz-SignedHeaders", signedHeaders)
        if let token = credentials.sessionToken, options.signsSessionToken { add("X-Amz-Security-Token", token) }
        request.query = CanonicalQuery.join(pairs)

        let stages = try Stages(request, signer: self, credentials: credentials, time: time)
        if let token = credentials.sessionToken, !options.signsSessionToken {
            request.query += Array("&X-Amz-Security-Token=".utf8) + PercentEncoding.encode(Array(token.utf8), keepsSlash: false)
        }
        request.query += Array("&X-Amz-Signature=\(stages.signature.hex)".utf8)
        return SignedRequest(
            canonicalRequest: stages.canonicalRequest, stringToSign: stages.stringToSign, scope: stages.scope, signature: stages.signature,
            authorization: nil, fields: request.fields, path: request.path, query: request.query)
    }

    /// Fields that the signer sets itself.
    private static let ownNames: Set<String> = ["authorization", "x-amz-date", "x-amz-security-token"]
    private static let ownParameters: Set<String> = [
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Security-Token",
        "X-Amz-Signature",
    ]

    private func payloadHashField(of request: UnsignedRequest) -> PayloadHash? {
        request.fields.first { $0.canonicalName == "x-amz-content-sha256" }
            .map { PayloadHash(text: String(decoding: CanonicalValue.canonicalize($0.value), as: UTF8.self)) }
    }

    private func applyPayloadHashField(to request: inout UnsignedRequest) {
        if let given = payloadHashField(of: request) {
            request.payload = given
        } else if options.addsPayloadHashField {
            request.fields.append(HeaderField("X-Amz-Content-Sha256", request.payload.text))
        }
    }

    /// The stages in their order, each made from the one before.
    private struct Stages {
        let canonicalRequest: CanonicalRequest
        let stringToSign: StringToSign
        let scope: CredentialScope
        let signature: Signature

        init(_ request: UnsignedRequest, signer: Signer, credentials: Credentials, time: SigningTime) throws(DigestError) {
            scope = CredentialScope(time: time, region: signer.region, service: signer.service)
            canonicalRequest = CanonicalRequest(request, options: signer.options)
            stringToSign = try StringToSign(canonicalRequest, time: time, scope: scope)
            signature = try Signature(stringToSign, key: try signer.keys.key(for: credentials, scope: scope))
        }
    }
}

/// The parts of a canonical request and of the field lines that depend on the time and the credentials alone.
struct PreparedText {
    /// From the line end after the host's value up to the payload hash in the canonical request.
    private(set) var canonicalEnd: [UInt8] = []
    /// The field lines up to the signature. They hold the session token, so never describe them.
    private(set) var fieldLines: [UInt8] = []

    init() {}

    /// `firstNames` are the signed names that sort before `x-amz-date`.
    init(credentials: Credentials, time: SigningTime, scope: CredentialScope, firstNames: String) {
        let signedHeaders = firstNames + (credentials.sessionToken == nil ? ";x-amz-date" : ";x-amz-date;x-amz-security-token")
        var end = "\nx-amz-date:\(time.text)\n"
        var lines = "X-Amz-Date: \(time.text)\r\n"
        if let token = credentials.sessionToken {
            end += "x-amz-security-token:\(String(decoding: CanonicalValue.canonicalize(Array(token.utf8)), as: UTF8.self))\n"
            lines += "X-Amz-Security-Token: \(token)\r\n"
        }
        canonicalEnd = Array("\(end)\n\(signedHeaders)\n".utf8)
        fieldLines = Array(
            ("\(lines)Authorization: \(StringToSign.algorithm) Credential=\(credentials.accessKeyID)/\(scope.text), "
                + "SignedHeaders=\(signedHeaders), Signature=").utf8)
    }
}

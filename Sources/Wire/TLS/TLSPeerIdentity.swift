import COpenSSL

/// Who the verified certificate of a peer says it is. Built only from a chain that passed verification.
public struct TLSPeerIdentity: Sendable, Equatable {
    /// The subject as RFC 2253 writes it: `CN=billing,O=Example`. May be empty.
    public let subject: String
    /// DNS entries of the subject alternative name, as sent.
    public let dnsNames: [String]
    /// URI entries of the subject alternative name, as sent.
    public let uriNames: [String]

    public init(subject: String, dnsNames: [String], uriNames: [String]) {
        self.subject = subject
        self.dnsNames = dnsNames
        self.uriNames = uriNames
    }

    /// Nil from a certificate whose alternative names cannot be read in one way only.
    init?(certificate: OpaquePointer) {
        guard let names = CertificateFields.alternativeNames(certificate) else { return nil }
        self.init(subject: CertificateFields.subject(certificate), dnsNames: names.dns, uriNames: names.uris)
    }

    /// The SPIFFE ID, nil when there is no `spiffe://` URI. A certificate with a SPIFFE ID has exactly one URI entry
    /// (X.509-SVID section 2), so one beside others is an error, not a choice.
    public func spiffeID() throws(TLSError) -> String? {
        guard let id = uriNames.first(where: Self.isSPIFFE) else { return nil }
        guard uriNames.count == 1 else {
            throw TLSError(
                .invalidCertificate, "the certificate (\(subject)) has \(uriNames.count) URI names; a SPIFFE certificate has exactly one")
        }
        return id
    }

    private static func isSPIFFE(_ uri: String) -> Bool {
        uri.utf8.count > 9 && uri.prefix(9).lowercased() == "spiffe://"
    }
}

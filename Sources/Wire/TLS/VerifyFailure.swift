import COpenSSL

/// What OpenSSL's chain verification found wrong first, kept by the verify callback until the handshake has failed.
struct VerifyFailure {
    let code: Int32
    /// 0 is the peer's own certificate, 1 its issuer, and so on.
    let depth: Int32
    let subject: String
    let issuer: String
    let dnsNames: [String]
    let notBefore: String
    let notAfter: String

    init(_ store: OpaquePointer) {
        code = X509_STORE_CTX_get_error(store)
        depth = X509_STORE_CTX_get_error_depth(store)
        guard let certificate = X509_STORE_CTX_get_current_cert(store) ?? X509_STORE_CTX_get0_cert(store) else {
            (subject, issuer, dnsNames, notBefore, notAfter) = ("", "", [], "", "")
            return
        }
        subject = CertificateFields.subject(certificate)
        issuer = CertificateFields.issuer(certificate)
        dnsNames = CertificateFields.alternativeNames(certificate)?.dns ?? []
        notBefore = CertificateFields.text(ofTime: X509_get0_notBefore(certificate))
        notAfter = CertificateFields.text(ofTime: X509_get0_notAfter(certificate))
    }

    /// `expected` is the host name or address that the certificate should have been for.
    func error(role: TLSRole, expected: String) -> TLSError {
        let whose = depth == 0 ? "the \(role.peer)'s certificate" : "a CA certificate in the \(role.peer)'s chain"
        let named = "\(whose) (\(subject.isEmpty ? "no subject" : subject))"
        let (kind, rest) = judgement(named: named, whose: whose, expected: expected)
        return TLSError(kind, rest)
    }

    private func judgement(named: String, whose: String, expected: String) -> (TLSError.Kind, String) {
        switch code {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = dnsNames.isEmpty ? "no DNS name" : dnsNames.prefix(3).joined(separator: ", ") + (dnsNames.count > 3 ? ", ..." : "")
            return (.wrongName, "\(whose) is not for \(expected); it is for \(names)")
        case X509_V_ERR_CERT_HAS_EXPIRED: return (.expired, "\(named) expired on \(notAfter)")
        case X509_V_ERR_CERT_NOT_YET_VALID: return (.notYetValid, "\(named) is not valid before \(notBefore)")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return (.selfSigned, "\(named) is self-signed and not among the trusted certificates")
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return (.selfSigned, "the chain ends at \(subject), a self-signed certificate that is not among the trusted ones")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED:
            return (.unknownIssuer, "\(named) was issued by \(issuer), which is neither trusted nor in the chain that was sent")
        case X509_V_ERR_CERT_REVOKED: return (.revoked, "\(named) is revoked")
        case X509_V_ERR_UNABLE_TO_GET_CRL: return (.revocationUnknown, "no revocation list covers \(named), issued by \(issuer)")
        case X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_SIGNATURE_FAILURE:
            return (.revocationUnknown, "the revocation list of \(issuer) cannot be used: \(text)")
        case X509_V_ERR_INVALID_PURPOSE:
            return (.wrongPurpose, "\(named) may not be used for this: its extended key usage does not allow it")
        default: return (.invalidCertificate, "\(named) is refused: \(text)")
        }
    }

    private var text: String { String(cString: X509_verify_cert_error_string(Int(code))) }
}

import COpenSSL

/// What is wrong with a server's own certificates, found at start-up instead of by its clients.
struct CertificateChainCheck {
    /// The file, for sentences.
    let name: String
    /// As the file has them, the leaf first.
    let chain: [Certificate]
    /// Further certificates that are known here, to tell a root from an intermediate.
    let anchors: [Certificate]

    /// Throws for dates and for a chain that clients cannot complete; returns a sentence where that cannot be known from here.
    func run() throws(TLSError) -> String? {
        for certificate in chain { try Self.checkDates(certificate.pointer, name: name) }
        guard let leaf = chain.first else { return nil }
        if CertificateFields.alternativeNames(leaf.pointer) == nil {
            throw TLSError(.configuration, "\(name): the alternative names of \(CertificateFields.subject(leaf.pointer)) cannot be read")
        }
        let (last, used) = follow(from: leaf)
        if CertificateFields.isSelfIssued(last.pointer) { return nil }
        let missing = "\(CertificateFields.subject(last.pointer)) was issued by \(CertificateFields.issuer(last.pointer))"
        if used < chain.count {
            throw TLSError(.configuration, "\(name): the chain is incomplete: \(missing), whose certificate is not in the file")
        }
        let mend = "append the issuer's certificate to the file"
        switch issuer(of: last.pointer) {
        case .root: return nil
        case .intermediate: throw TLSError(.configuration, "\(name): the chain is incomplete: \(missing), an intermediate CA; \(mend)")
        case .unknown where Self.namesIssuersCertificate(last.pointer):
            throw TLSError(.configuration, "\(name): the chain is incomplete: \(missing), which no root known here is; \(mend)")
        case .unknown:
            return "\(name): \(missing), which is not a root known here; clients need to have it, else \(mend)"
        }
    }

    /// Whether the certificate is valid at this moment.
    static func checkDates(_ certificate: OpaquePointer, name: String) throws(TLSError) {
        let subject = CertificateFields.subject(certificate)
        if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
            let end = CertificateFields.text(ofTime: X509_get0_notAfter(certificate))
            throw TLSError(.expired, "\(name): the certificate (\(subject)) expired on \(end)")
        }
        if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
            let start = CertificateFields.text(ofTime: X509_get0_notBefore(certificate))
            throw TLSError(.notYetValid, "\(name): the certificate (\(subject)) is not valid before \(start)")
        }
    }

    /// Goes from issuer to issuer within the file: the last certificate reached and how many were used.
    private func follow(from leaf: Certificate) -> (Certificate, Int) {
        var last = leaf
        var rest = Array(chain.dropFirst())
        while !CertificateFields.isSelfIssued(last.pointer),
            let next = rest.firstIndex(where: { X509_check_issued($0.pointer, last.pointer) == X509_V_OK })
        {
            last = rest.remove(at: next)
        }
        return (last, chain.count - rest.count)
    }

    private enum Issuer {
        case root
        case intermediate
        case unknown
    }

    /// Looks among the anchors, then in the system's store.
    private func issuer(of certificate: OpaquePointer) -> Issuer {
        if let known = anchors.first(where: { X509_check_issued($0.pointer, certificate) == X509_V_OK }) {
            return CertificateFields.isSelfIssued(known.pointer) ? .root : .intermediate
        }
        ErrorQueue.clear()
        defer { ErrorQueue.clear() }
        guard let store = X509_STORE_new() else { return .unknown }
        defer { X509_STORE_free(store) }
        guard X509_STORE_set_default_paths(store) == 1, let search = X509_STORE_CTX_new() else { return .unknown }
        defer { X509_STORE_CTX_free(search) }
        var found: OpaquePointer?
        guard X509_STORE_CTX_init(search, store, certificate, nil) == 1,
            X509_STORE_CTX_get1_issuer(&found, search, certificate) == 1, let found
        else { return .unknown }
        defer { X509_free(found) }
        return CertificateFields.isSelfIssued(found) ? .root : .intermediate
    }

    /// Whether the certificate says where its issuer's certificate can be fetched (RFC 5280 section 4.2.2.1), as those of public CAs
    /// do: then the issuer is an intermediate that clients do not have.
    private static func namesIssuersCertificate(_ certificate: OpaquePointer) -> Bool {
        defer { ErrorQueue.clear() }
        guard let raw = X509_get_ext_d2i(certificate, NID_info_access, nil, nil) else { return false }
        let entries = OpaquePointer(raw)
        defer { AUTHORITY_INFO_ACCESS_free(entries) }
        return (0..<OPENSSL_sk_num(entries)).contains { index in
            guard let entry = OPENSSL_sk_value(entries, index) else { return false }
            return OBJ_obj2nid(entry.assumingMemoryBound(to: ACCESS_DESCRIPTION.self).pointee.method) == NID_ad_ca_issuers
        }
    }
}

import COpenSSL

/// The authorities and revocation lists by which client certificates are judged, read once and set in each context.
struct ClientTrustMaterial {
    let authorities: [Certificate]
    let warnings: [String]
    private let mode: Int32
    private let revocationLists: [RevocationList]

    var isAsked: Bool { mode != SSL_VERIFY_NONE }

    init(_ authentication: TLSServerOptions.ClientAuthentication) throws(TLSError) {
        let trust: TLSServerOptions.ClientTrust
        switch authentication {
        case .none:
            (authorities, warnings, mode, revocationLists) = ([], [], SSL_VERIFY_NONE, [])
            return
        case .optional(let given): (trust, mode) = (given, SSL_VERIFY_PEER)
        case .required(let given): (trust, mode) = (given, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
        }
        authorities = try trust.authorities.certificates()
        revocationLists = try trust.revocationLists?.revocationLists() ?? []
        // A bundle may well hold an authority that has run out beside its successor.
        var notes: [String] = []
        for authority in authorities {
            do throws(TLSError) {
                try CertificateChainCheck.checkDates(authority.pointer, name: trust.authorities.description)
            } catch {
                notes.append(error.sentence)
            }
        }
        if let source = trust.revocationLists {
            for list in revocationLists {
                if let note = try Self.check(list.pointer, of: authorities, name: source.description) { notes.append(note) }
            }
        }
        warnings = notes
    }

    func apply(to context: OpaquePointer) throws(TLSError) {
        guard isAsked else { return }
        SSL_CTX_set_verify(context, mode, TLSSession.noteVerifyFailure)
        try ContextSetup.trust(authorities, in: context)
        ErrorQueue.clear()
        guard let store = SSL_CTX_get_cert_store(context) else { throw TLSError(.fault, "OpenSSL has no certificate store") }
        for authority in authorities where SSL_CTX_add_client_CA(context, authority.pointer) != 1 {
            throw TLSError(.fault, "OpenSSL does not take a client CA (\(ErrorQueue.drain().text))")
        }
        for list in revocationLists where X509_STORE_add_crl(store, list.pointer) != 1 {
            throw TLSError(.configuration, "a revocation list cannot be used (\(ErrorQueue.drain().text))")
        }
        if !revocationLists.isEmpty { X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)) }
    }

    /// A list that has run out would refuse every client, so it is a mistake at start-up. Returns a doubt as a sentence.
    private static func check(_ list: OpaquePointer, of authorities: [Certificate], name: String) throws(TLSError) -> String? {
        let issuer = CertificateFields.text(ofName: X509_CRL_get_issuer(list))
        if let end = X509_CRL_get0_nextUpdate(list), X509_cmp_current_time(end) < 0 {
            let time = CertificateFields.text(ofTime: end)
            throw TLSError(.expired, "\(name): the revocation list of \(issuer) ran out on \(time); fetch a new one")
        }
        if let start = X509_CRL_get0_lastUpdate(list), X509_cmp_current_time(start) > 0 {
            let time = CertificateFields.text(ofTime: start)
            throw TLSError(.notYetValid, "\(name): the revocation list of \(issuer) is not valid before \(time)")
        }
        let named = authorities.filter { X509_NAME_cmp(X509_get_subject_name($0.pointer), X509_CRL_get_issuer(list)) == 0 }
        if named.isEmpty { return "\(name): the revocation list of \(issuer) is by none of the client CAs" }
        ErrorQueue.clear()
        defer { ErrorQueue.clear() }
        guard named.contains(where: { X509_CRL_verify(list, X509_get0_pubkey($0.pointer)) == 1 }) else {
            throw TLSError(.configuration, "\(name): the revocation list of \(issuer) is not signed by that client CA's key")
        }
        return nil
    }
}

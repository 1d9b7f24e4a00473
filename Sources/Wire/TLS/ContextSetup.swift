import COpenSSL

/// A certificate chain (leaf first) with its private key, both PEM.
public struct TLSCertificateKey: Sendable {
    public var certificate: PEMSource
    public var privateKey: PEMSource

    public init(certificate: PEMSource, privateKey: PEMSource) {
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

/// What client and server contexts set alike.
enum ContextSetup {
    /// TLS 1.2 suites of Mozilla's "intermediate" list without the finite-field (DHE) ones, whose cost a client can impose at will.
    private static let cipherList =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    private static let cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"
    /// Bytes of certificates that a peer may send.
    private static let certificateListLimit = 64 << 10

    /// A context with protocol range, ciphers and modes set. The caller frees it.
    static func make(role: TLSRole, minimum: TLSVersion, maximum: TLSVersion) throws(TLSError) -> OpaquePointer {
        guard minimum <= maximum else { throw TLSError(.configuration, "the minimum TLS version is above the maximum") }
        ErrorQueue.clear()
        guard let context = SSL_CTX_new(role == .client ? TLS_client_method() : TLS_server_method()) else {
            throw TLSError(.fault, "OpenSSL could not make a TLS context (\(ErrorQueue.drain().text))")
        }
        countersign_ssl_ctx_set_safe_options(context)
        countersign_ssl_ctx_set_lean_mode(context)
        countersign_ssl_ctx_set_max_cert_list(context, certificateListLimit)
        let done =
            countersign_ssl_ctx_set_protocol_range(context, minimum.rawValue, maximum.rawValue) == 1
            && SSL_CTX_set_cipher_list(context, cipherList) == 1 && SSL_CTX_set_ciphersuites(context, cipherSuites) == 1
            && countersign_ssl_ctx_set_groups(context, groups) == 1
        guard done else {
            SSL_CTX_free(context)
            throw TLSError(.fault, "OpenSSL refuses the TLS versions, ciphers or groups (\(ErrorQueue.drain().text))")
        }
        SSL_CTX_set_info_callback(context, TLSSession.watchHandshakes)
        return context
    }

    /// Adds certificates that are trusted as they stand, intermediate ones too.
    static func trust(_ certificates: [Certificate], in context: OpaquePointer) throws(TLSError) {
        guard let store = SSL_CTX_get_cert_store(context) else { throw TLSError(.fault, "OpenSSL has no certificate store") }
        ErrorQueue.clear()
        for certificate in certificates where X509_STORE_add_cert(store, certificate.pointer) != 1 {
            throw TLSError(.configuration, "a trusted certificate cannot be used (\(ErrorQueue.drain().text))")
        }
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST))
    }

    /// Sets leaf, chain and key after making sure that they belong together.
    static func use(_ pair: TLSCertificateKey, in context: OpaquePointer) throws(TLSError) -> [Certificate] {
        let chain = try pair.certificate.certificates()
        let key = try pair.privateKey.privateKey()
        ErrorQueue.clear()
        guard let leaf = chain.first else { throw TLSError(.configuration, "\(pair.certificate): no certificate in it") }
        guard X509_check_private_key(leaf.pointer, key.pointer) == 1 else {
            ErrorQueue.clear()
            throw TLSError(
                .configuration,
                "\(pair.privateKey): the private key does not match the first certificate in \(pair.certificate) "
                    + "(\(CertificateFields.subject(leaf.pointer)))")
        }
        guard SSL_CTX_use_certificate(context, leaf.pointer) == 1 else {
            throw TLSError(.configuration, "\(pair.certificate): the certificate cannot be used (\(ErrorQueue.drain().text))")
        }
        guard SSL_CTX_use_PrivateKey(context, key.pointer) == 1 else {
            throw TLSError(.configuration, "\(pair.privateKey): the private key cannot be used (\(ErrorQueue.drain().text))")
        }
        for certificate in chain.dropFirst() where countersign_ssl_ctx_add_chain_certificate(context, certificate.pointer) != 1 {
            throw TLSError(.configuration, "\(pair.certificate): a chain certificate cannot be used (\(ErrorQueue.drain().text))")
        }
        return chain
    }

    /// The list as the ALPN extension carries it: a length byte before each name (RFC 7301 section 3.1).
    static func wireFormat(applicationProtocols: [String]) throws(TLSError) -> [UInt8] {
        var wire: [UInt8] = []
        for name in applicationProtocols {
            guard let length = UInt8(exactly: name.utf8.count), length > 0 else {
                throw TLSError(.configuration, "an application protocol name has 1 to 255 bytes")
            }
            wire.append(length)
            wire.append(contentsOf: name.utf8)
        }
        return wire
    }
}

import COpenSSL

// What OpenSSL calls while it works for a session.
extension TLSSession {
    // OpenSSL's callbacks find the session by this slot of the SSL object. The session owns that object and frees it in deinit, so the
    // unretained pointer is good whenever a callback runs.
    static let ownIndex: Int32 = 0

    static func owner(of ssl: OpaquePointer?) -> TLSSession? {
        guard let ssl, let own = SSL_get_ex_data(ssl, ownIndex) else { return nil }
        return Unmanaged<TLSSession>.fromOpaque(own).takeUnretainedValue()
    }

    /// Keeps a copy of a session that the server issued; OpenSSL marks the original as spent when its connection is freed without
    /// close_notify. The 0 leaves the original to OpenSSL.
    static let keepSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, session in
        guard let session, let own = TLSSession.owner(of: ssl), let cache = own.client?.sessions else { return 0 }
        if let copy = SSL_SESSION_dup(session) { cache.store(ResumableSession(owning: copy), for: own.expectedName) }
        return 0
    }

    /// Remembers the first fault of a chain. It overrules OpenSSL's verdict in one case: a trust anchor needs no revocation list, as it
    /// is trusted by configuration (RFC 5280 section 6.1).
    static let noteVerifyFailure: @convention(c) (Int32, OpaquePointer?) -> Int32 = { verdict, store in
        guard verdict == 0, let store, let raw = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()) else {
            return verdict
        }
        let depth = X509_STORE_CTX_get_error_depth(store)
        if X509_STORE_CTX_get_error(store) == X509_V_ERR_UNABLE_TO_GET_CRL, depth > 0,
            depth == OPENSSL_sk_num(X509_STORE_CTX_get0_chain(store)) - 1
        {
            X509_STORE_CTX_set_error(store, X509_V_OK)
            return 1
        }
        if let own = TLSSession.owner(of: OpaquePointer(raw)), own.verifyFailure == nil { own.verifyFailure = VerifyFailure(store) }
        return 0
    }

    /// OpenSSL refuses a renegotiation with a warning alert and goes on; we end the connection. It takes handshake messages behind the
    /// handshake (KeyUpdate, tickets) without end, and answers a KeyUpdate whether or not the peer reads; we count them. Called for each
    /// alert and each step of a handshake, never for data.
    static let watchHandshakes: @convention(c) (OpaquePointer?, Int32, Int32) -> Void = { ssl, place, value in
        if place == SSL_CB_WRITE_ALERT, value & 0xFF == SSL_AD_NO_RENEGOTIATION {
            TLSSession.owner(of: ssl)?.triedRenegotiation = true
        } else if place & SSL_CB_LOOP != 0, place & SSL_CB_ALERT == 0 {
            TLSSession.owner(of: ssl)?.tookHandshakeStep()
        }
    }
}

import COpenSSL

/// One TLS connection as bytes in, bytes out. No sockets, no clock but OpenSSL's own for certificate dates.
///
/// Use: `receive` what the transport read, call `next` until it gives nil, write what `drain` hands out. A client's first call of
/// `next` makes its ClientHello. Bound to one thread at a time; not Sendable.
///
/// Memory: at most `ciphertextLimit` bytes wait undecrypted, plus one record (16 KiB) and one handshake message inside OpenSSL;
/// outgoing bytes are bounded by what the owner sends between two drains. While idle, record buffers are given back.
public final class TLSSession {
    /// Bytes that may wait between `receive` and `next`.
    public static let ciphertextLimit = 256 << 10
    /// Bytes that may arrive before the handshake is complete.
    public static let handshakeLimit = 192 << 10
    /// Steps of OpenSSL's handshake machine behind the handshake, one for each message. A key lasts for 2^24 records (RFC 8446 section 5.5),
    /// so no connection needs as many KeyUpdates.
    private static let laterStepLimit = 1000
    /// A BIO that grew beyond this is replaced once it is empty.
    private static let idleBufferLimit = 4 << 10

    private enum Phase {
        case handshaking
        case established
        case ended
    }

    let role: TLSRole
    private let ssl: OpaquePointer
    private var incoming: OpaquePointer
    private var outgoing: OpaquePointer
    private var phase = Phase.handshaking
    private var peerHasClosed = false
    private var weHaveClosed = false
    private var inputEnded = false
    var triedRenegotiation = false
    private var laterSteps = 0
    var verifyFailure: VerifyFailure?
    private var pendingFailure: TLSError?
    private var firstBytes = FirstBytes()
    private var handshakeBytes = 0

    /// What the client expects the server to be; empty on a server.
    let expectedName: String
    let client: TLSClientContext?
    let server: TLSServerContext?

    /// A client's side. `serverName` is checked against the certificate's alternative names (RFC 9525: no partial wildcards, no
    /// fallback to the common name) and sent as SNI unless it is an IP address.
    public init(client: TLSClientContext, serverName: String) throws(TLSError) {
        let name = try ServerName(serverName)
        (ssl, incoming, outgoing) = try Self.make(client.context)
        role = .client
        expectedName = name.text
        self.client = client
        server = nil
        SSL_set_ex_data(ssl, Self.ownIndex, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_connect_state(ssl)
        try expect(name)
        if let session = client.sessions?.take(for: name.text) { SSL_set_session(ssl, session.pointer) }
    }

    /// A server's side.
    public init(server: TLSServerContext) throws(TLSError) {
        (ssl, incoming, outgoing) = try Self.make(server.context)
        role = .server
        expectedName = ""
        client = nil
        self.server = server
        SSL_set_ex_data(ssl, Self.ownIndex, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_accept_state(ssl)
    }

    deinit { SSL_free(ssl) }

    /// Whether the handshake is done and `send` takes bytes.
    public var isWritable: Bool { phase == .established && !weHaveClosed }

    /// Whether the handshake is still going on.
    public var isHandshaking: Bool { phase == .handshaking }

    /// Ciphertext that waits to be decrypted, in bytes: an upper bound for the plaintext of complete records in it.
    public var bufferedCiphertext: Int { BIO_ctrl_pending(incoming) }

    /// Takes bytes that the transport read, any number of them, split anywhere.
    public func receive(_ ciphertext: UnsafeRawBufferPointer) {
        guard phase != .ended, pendingFailure == nil, let start = ciphertext.baseAddress, !ciphertext.isEmpty else { return }
        if phase == .handshaking {
            firstBytes.append(ciphertext)
            handshakeBytes += ciphertext.count
            if handshakeBytes > Self.handshakeLimit {
                let limit = Self.handshakeLimit
                pendingFailure = TLSError(.limitExceeded, "the \(role.peer) sent more than \(limit) bytes before the handshake was done")
                return
            }
        }
        if bufferedCiphertext + ciphertext.count > Self.ciphertextLimit {
            pendingFailure = TLSError(.limitExceeded, "more than \(Self.ciphertextLimit) bytes of the \(role.peer) wait to be decrypted")
            return
        }
        ErrorQueue.clear()
        if BIO_write(incoming, start, Int32(ciphertext.count)) != Int32(ciphertext.count) {
            pendingFailure = TLSError(.fault, "OpenSSL could not take \(ciphertext.count) bytes (\(ErrorQueue.drain().text))")
        }
    }

    /// The transport brings nothing more. `next` then says whether the end was announced (`peerClosed`) or not (`truncated`).
    public func receiveEnd() {
        inputEnded = true
    }

    /// The next thing that happened, or nil when more input is needed. `area` receives plaintext; it may be empty as long as the
    /// handshake runs.
    public func next(into area: UnsafeMutableRawBufferPointer) -> TLSEvent? {
        if phase == .ended { return nil }
        if let error = pendingFailure { return fail(error) }
        return phase == .handshaking ? shakeHands() : read(into: area)
    }

    /// Encrypts all of `plaintext` into the outgoing bytes. False, and nothing taken, before the handshake is done, after `close`
    /// and after a failure.
    public func send(_ plaintext: UnsafeRawBufferPointer) -> Bool {
        guard isWritable, pendingFailure == nil else { return false }
        var rest = plaintext
        while let start = rest.baseAddress, !rest.isEmpty {
            ErrorQueue.clear()
            var count = 0
            guard SSL_write_ex(ssl, start, rest.count, &count) == 1 else {
                pendingFailure = failure(code: SSL_ERROR_SSL)
                return false
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
        return true
    }

    /// Announces that we send nothing more (close_notify). Reading goes on. Does nothing during the handshake.
    public func close() {
        guard phase == .established, !weHaveClosed else { return }
        weHaveClosed = true
        ErrorQueue.clear()
        SSL_shutdown(ssl)
        ErrorQueue.clear()
    }

    /// Whether `drain` has something to hand out.
    public var hasOutgoing: Bool { BIO_ctrl_pending(outgoing) > 0 }

    /// Hands out the bytes for the peer, all at once, and forgets them. Not called when there are none.
    public func drain(_ write: (UnsafeRawBufferPointer) -> Void) {
        var start: UnsafeMutablePointer<CChar>?
        let count = countersign_bio_contents(outgoing, &start)
        guard count > 0, let start else { return }
        write(UnsafeRawBufferPointer(start: start, count: count))
        if countersign_bio_capacity(outgoing) > Self.idleBufferLimit, let fresh = Self.memoryBIO() {
            SSL_set0_wbio(ssl, fresh)
            outgoing = fresh
        } else {
            countersign_bio_reset(outgoing)
        }
    }
}

// Handshake and reading.
extension TLSSession {
    private func shakeHands() -> TLSEvent? {
        ErrorQueue.clear()
        let result = SSL_do_handshake(ssl)
        let code = SSL_get_error(ssl, result)
        releaseInput()
        if result != 1 { return outcome(code) }
        phase = .established
        firstBytes = FirstBytes()
        var peer: TLSPeerIdentity?
        if let certificate = SSL_get0_peer_certificate(ssl) {
            // A resumed session brings the certificate of the first handshake, whose dates are not checked again by OpenSSL.
            if SSL_session_reused(ssl) == 1, X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
                let end = CertificateFields.text(ofTime: X509_get0_notAfter(certificate))
                let subject = CertificateFields.subject(certificate)
                return fail(TLSError(.expired, "the \(role.peer)'s certificate (\(subject)) expired on \(end)"))
            }
            guard let identity = TLSPeerIdentity(certificate: certificate) else {
                let sentence = "the \(role.peer)'s certificate has alternative names that cannot be read safely"
                return fail(TLSError(.invalidCertificate, sentence))
            }
            peer = identity
        }
        return .handshakeComplete(
            TLSHandshake(
                applicationProtocol: applicationProtocol, version: SSL_version(ssl) == TLSVersion.tls13.rawValue ? .tls13 : .tls12,
                resumed: SSL_session_reused(ssl) == 1, peer: peer, serverName: role == .server ? requestedServerName : nil))
    }

    private func read(into area: UnsafeMutableRawBufferPointer) -> TLSEvent? {
        if peerHasClosed { return nil }
        // Asking OpenSSL to find out that there is nothing costs two allocations, so look first.
        if !inputEnded, BIO_ctrl_pending(incoming) == 0, SSL_has_pending(ssl) == 0 { return nil }
        guard let start = area.baseAddress, !area.isEmpty else { return nil }
        ErrorQueue.clear()
        var count = 0
        let result = SSL_read_ex(ssl, start, area.count, &count)
        // Before the input is released, whose state tells "more, please" from a failure.
        let code = SSL_get_error(ssl, result)
        releaseInput()
        if triedRenegotiation { return fail(TLSError(.renegotiation, "the \(role.peer) tried to renegotiate, which is never allowed")) }
        if laterSteps > Self.laterStepLimit {
            return fail(TLSError(.limitExceeded, "the \(role.peer) sent more handshake messages behind the handshake than any use needs"))
        }
        return result == 1 ? .plaintext(count) : outcome(code)
    }

    func tookHandshakeStep() {
        if phase == .established { laterSteps += 1 }
    }

    /// What a call that did not succeed means, by OpenSSL's `SSL_ERROR_` code.
    private func outcome(_ code: Int32) -> TLSEvent? {
        switch code {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            ErrorQueue.clear()
            guard inputEnded else { return nil }
            if phase == .handshaking {
                let plain = firstBytes.isPlain ? notTLS : nil
                return fail(plain ?? TLSError(.closedDuringHandshake, "the \(role.peer) closed the connection during the TLS handshake"))
            }
            // Many peers answer our close_notify by closing at once; nothing can be missing then.
            if weHaveClosed { return closed() }
            return fail(TLSError(.truncated, "the \(role.peer) closed the connection without announcing the end of its data"))
        case SSL_ERROR_ZERO_RETURN:
            ErrorQueue.clear()
            return closed()
        default: return fail(failure(code: code))
        }
    }

    private func closed() -> TLSEvent {
        peerHasClosed = true
        return .peerClosed
    }

    private func fail(_ error: TLSError) -> TLSEvent {
        // What a broken connection left is not offered again; a missing close_notify alone breaks nothing.
        if error.kind != .truncated { client?.sessions?.forget(expectedName) }
        phase = .ended
        pendingFailure = nil
        return .failed(error)
    }

    private func failure(code: Int32) -> TLSError {
        let errors = ErrorQueue.drain()
        if phase == .handshaking, firstBytes.isPlain { return notTLS }
        if let verifyFailure, errors.contains(where: { $0.isSSL(SSL_R_CERTIFICATE_VERIFY_FAILED) }) {
            return verifyFailure.error(role: role, expected: expectedName)
        }
        return TLSError(role: role, code: code, errors: errors)
    }

    private var notTLS: TLSError {
        let how = firstBytes.isHTTP ? (role == .client ? "the server answered in plain HTTP" : "the client spoke plain HTTP") : nil
        return TLSError(.notTLS, how.map { "\($0), not TLS" } ?? "the \(role.peer)'s first bytes are not TLS")
    }

    private func releaseInput() {
        guard BIO_ctrl_pending(incoming) == 0, countersign_bio_capacity(incoming) > Self.idleBufferLimit else { return }
        guard let fresh = Self.memoryBIO() else { return }
        SSL_set0_rbio(ssl, fresh)
        incoming = fresh
    }

    private var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    private var requestedServerName: String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0).lowercased() }
    }
}

// Set-up.
extension TLSSession {
    private static func memoryBIO() -> OpaquePointer? {
        guard let bio = BIO_new(BIO_s_mem()) else { return nil }
        countersign_bio_set_retry_when_empty(bio)
        return bio
    }

    static func make(_ context: OpaquePointer) throws(TLSError) -> (OpaquePointer, OpaquePointer, OpaquePointer) {
        ErrorQueue.clear()
        guard let ssl = SSL_new(context) else {
            throw TLSError(.fault, "OpenSSL could not make a connection (\(ErrorQueue.drain().text))")
        }
        guard let incoming = memoryBIO(), let outgoing = memoryBIO() else {
            SSL_free(ssl)
            throw TLSError(.fault, "OpenSSL could not make a buffer (\(ErrorQueue.drain().text))")
        }
        SSL_set0_rbio(ssl, incoming)
        SSL_set0_wbio(ssl, outgoing)
        return (ssl, incoming, outgoing)
    }

    private func expect(_ name: ServerName) throws(TLSError) {
        ErrorQueue.clear()
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let done =
            name.isAddress
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.text) == 1
            : SSL_set1_host(ssl, name.text) == 1 && countersign_ssl_set_server_name(ssl, name.text) == 1
        guard done else { throw TLSError(.fault, "OpenSSL does not take the server name \(name.text) (\(ErrorQueue.drain().text))") }
    }
}

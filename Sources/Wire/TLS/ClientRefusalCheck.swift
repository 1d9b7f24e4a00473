import COpenSSL

extension TLSServerContext {
    /// Proves at start-up that a client without a certificate is refused: shakes hands with itself in memory, as such a client.
    /// For a context with `.required` client authentication; throws when the handshake ends in any other way.
    public func verifyRefusalOfAnonymousClients() throws(TLSError) {
        let server = try TLSSession(server: self)
        let client = try AnonymousClient(applicationProtocols: applicationProtocols)
        let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        // Four turns are more than any handshake takes.
        for _ in 0..<4 {
            client.proceed { server.receive($0) }
            let event = server.next(into: nothing)
            server.drain { client.receive($0) }
            switch event {
            case nil: continue
            case .failed(let error)? where error.kind == .noClientCertificate: return
            case .failed(let error)?:
                throw TLSError(.configuration, "whether clients without certificate are refused cannot be told: \(error.sentence)")
            default: throw TLSError(.configuration, "a client without certificate is let in although one is required")
            }
        }
        throw TLSError(.configuration, "whether clients without certificate are refused cannot be told: the handshake does not end")
    }
}

/// A client with no certificate that accepts any server. It exists for the check above alone and never carries data.
private final class AnonymousClient {
    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    init(applicationProtocols: [UInt8]) throws(TLSError) {
        context = try ContextSetup.make(role: .client, minimum: .tls12, maximum: .tls13)
        if !applicationProtocols.isEmpty { SSL_CTX_set_alpn_protos(context, applicationProtocols, UInt32(applicationProtocols.count)) }
        do throws(TLSError) {
            (ssl, incoming, outgoing) = try TLSSession.make(context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        SSL_set_connect_state(ssl)
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
    }

    func proceed(_ write: (UnsafeRawBufferPointer) -> Void) {
        ErrorQueue.clear()
        SSL_do_handshake(ssl)
        ErrorQueue.clear()
        var start: UnsafeMutablePointer<CChar>?
        let count = countersign_bio_contents(outgoing, &start)
        write(UnsafeRawBufferPointer(start: start, count: max(0, count)))
        countersign_bio_reset(outgoing)
    }
}

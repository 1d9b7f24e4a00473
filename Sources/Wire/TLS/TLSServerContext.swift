import COpenSSL

/// How connections of clients are taken.
public struct TLSServerOptions: Sendable {
    public enum ClientAuthentication: Sendable {
        /// No certificate is asked for.
        case none
        /// Asked for; who shows none is let in without identity, who shows a bad one is refused.
        case optional(ClientTrust)
        /// Who shows none, or a bad one, is refused.
        case required(ClientTrust)
    }

    /// Whose client certificates are good.
    public struct ClientTrust: Sendable {
        /// PEM certificates, trusted as they stand; an intermediate may be one.
        public var authorities: PEMSource
        /// PEM revocation lists. When given, every certificate of a chain below the trusted one must be covered by a current list.
        public var revocationLists: PEMSource?

        public init(authorities: PEMSource, revocationLists: PEMSource? = nil) {
            self.authorities = authorities
            self.revocationLists = revocationLists
        }
    }

    /// At least one. A client that names no server, or one that no certificate is for, gets the first.
    public var certificates: [TLSCertificateKey]
    public var minimumVersion: TLSVersion
    public var maximumVersion: TLSVersion
    /// In order of preference. Empty ignores ALPN; otherwise a client that offers ALPN without a common name is refused.
    public var applicationProtocols: [String]
    public var clientAuthentication: ClientAuthentication

    public init(
        certificates: [TLSCertificateKey], minimumVersion: TLSVersion = .tls12, maximumVersion: TLSVersion = .tls13,
        applicationProtocols: [String] = ["h2", "http/1.1"], clientAuthentication: ClientAuthentication = .none
    ) {
        self.certificates = certificates
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
        self.clientAuthentication = clientAuthentication
    }
}

/// The server side's settings, shared by connections of all event loops. A reload builds a new one; connections keep theirs. Ticket
/// keys are made anew with each context, so a session never outlives the certificates and revocation lists that it was made under.
///
/// `@unchecked Sendable`: each `SSL_CTX` is complete when `init` returns and nothing changes it afterwards; OpenSSL counts its
/// references with atomics and locks what it shares inside. The other members are constants.
public final class TLSServerContext: @unchecked Sendable {
    /// The context of the first certificate, from which connections start.
    let context: OpaquePointer
    /// What is doubtful but not wrong, a sentence each, for the log at start-up.
    public let warnings: [String]
    /// When each certificate ends, seconds since 1970, in the order of the options.
    public let expirySeconds: [Int64]
    private let contexts: [OpaquePointer]
    private let names: ServerNameTable
    let applicationProtocols: [UInt8]

    /// Seconds for which a ticket is good: two hours, or ten minutes where client certificates were checked.
    private static let ticketLifetime = 7200
    private static let authenticatedTicketLifetime = 600

    /// Throws `TLSError` of kind `configuration`, `expired` or `notYetValid` with the file and its fault.
    public convenience init(_ options: TLSServerOptions) throws(TLSError) {
        try self.init(options, checksCertificates: true)
    }

    /// `checksCertificates: false` lets tests play a server whose certificate is out of date.
    package init(_ options: TLSServerOptions, checksCertificates: Bool) throws(TLSError) {
        guard !options.certificates.isEmpty else { throw TLSError(.configuration, "a TLS listener needs a certificate") }
        let protocols = try ContextSetup.wireFormat(applicationProtocols: options.applicationProtocols)
        var made: [OpaquePointer] = []
        var notes: [String] = []
        var ends: [Int64] = []
        var table = ServerNameTable()
        do throws(TLSError) {
            let trust = try ClientTrustMaterial(options.clientAuthentication)
            notes += trust.warnings
            for (index, pair) in options.certificates.enumerated() {
                let context = try ContextSetup.make(role: .server, minimum: options.minimumVersion, maximum: options.maximumVersion)
                made.append(context)
                let chain = try ContextSetup.use(pair, in: context)
                ends.append(chain.first.map { CertificateFields.seconds(ofTime: X509_get0_notAfter($0.pointer)) } ?? 0)
                if checksCertificates {
                    let check = CertificateChainCheck(name: pair.certificate.description, chain: chain, anchors: trust.authorities)
                    if let note = try check.run() { notes.append(note) }
                }
                if let leaf = chain.first { table.add(CertificateFields.alternativeNames(leaf.pointer)?.dns ?? [], index: index) }
                try trust.apply(to: context)
                Self.finish(context, authenticated: trust.isAsked, negotiatesProtocol: !protocols.isEmpty)
            }
        } catch {
            for context in made { SSL_CTX_free(context) }
            throw error
        }
        contexts = made
        context = made[0]
        warnings = notes
        expirySeconds = ends
        names = table
        applicationProtocols = protocols
    }

    deinit { for context in contexts { SSL_CTX_free(context) } }

    private static func finish(_ context: OpaquePointer, authenticated: Bool, negotiatesProtocol: Bool) {
        // Tickets alone: nothing is remembered per client.
        countersign_ssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_timeout(context, authenticated ? authenticatedTicketLifetime : ticketLifetime)
        SSL_CTX_set_num_tickets(context, 1)
        SSL_CTX_set_session_id_context(context, Array("countersign".utf8), 11)
        countersign_ssl_ctx_set_server_name_callback(context, chooseCertificate)
        if negotiatesProtocol { SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil) }
    }

    /// SNI: an exact name goes before a wildcard; an unknown name gets the first certificate.
    private static let chooseCertificate: @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 =
        {
            ssl, _, _ in
            guard let ssl, let server = TLSSession.owner(of: ssl)?.server, let asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
                let index = server.names.index(of: String(cString: asked))
            else { return SSL_TLSEXT_ERR_NOACK }
            if index > 0 { SSL_set_SSL_CTX(ssl, server.contexts[index]) }
            return SSL_TLSEXT_ERR_OK
        }

    /// ALPN: the first of ours that the client offers too (RFC 7301 section 3.2).
    private static let chooseProtocol:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UInt32,
            UnsafeMutableRawPointer?
        ) -> Int32 = { ssl, chosen, chosenCount, offered, offeredCount, _ in
            guard let server = TLSSession.owner(of: ssl)?.server, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            let offer = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
            var own = 0
            while own < server.applicationProtocols.count {
                let name = server.applicationProtocols[(own + 1)...].prefix(Int(server.applicationProtocols[own]))
                var position = 0
                while position < offer.count {
                    let length = Int(offer[position])
                    guard position + 1 + length <= offer.count else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                    if offer[(position + 1)..<(position + 1 + length)].elementsEqual(name) {
                        chosen?.pointee = offered + position + 1
                        chosenCount?.pointee = UInt8(length)
                        return SSL_TLSEXT_ERR_OK
                    }
                    position += 1 + length
                }
                own += 1 + name.count
            }
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
}

/// Which certificate is for which server name. A wildcard stands for exactly one label (RFC 9525 section 6.3).
struct ServerNameTable {
    private var exact: [String: Int] = [:]
    /// `*.example.com` under `.example.com`.
    private var wildcard: [String: Int] = [:]

    /// The first certificate for a name keeps it.
    mutating func add(_ names: [String], index: Int) {
        for name in names.lazy.map({ $0.lowercased() }) {
            if name.hasPrefix("*.") {
                let suffix = String(name.dropFirst())
                if wildcard[suffix] == nil { wildcard[suffix] = index }
            } else if exact[name] == nil {
                exact[name] = index
            }
        }
    }

    func index(of name: String) -> Int? {
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        if let index = exact[name] { return index }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
        return wildcard[String(name[dot...])]
    }
}

import COpenSSL

/// How connections to servers are made.
public struct TLSClientOptions: Sendable {
    public enum Trust: Sendable {
        /// The distribution's store (`openssl version -d`, or `SSL_CERT_FILE` and `SSL_CERT_DIR`).
        case system
        /// Only the certificates in this PEM text; an intermediate or a server's own certificate may be one.
        case only(PEMSource)
    }

    public var trust: Trust
    public var minimumVersion: TLSVersion
    public var maximumVersion: TLSVersion
    /// Application protocols in order of preference, for example `["h2", "http/1.1"]`. Empty sends no ALPN extension.
    public var applicationProtocols: [String]
    /// Shown to servers that ask for a certificate.
    public var clientCertificate: TLSCertificateKey?
    /// Whether sessions are kept and resumed.
    public var resumption: Bool

    public init(
        trust: Trust = .system, minimumVersion: TLSVersion = .tls12, maximumVersion: TLSVersion = .tls13,
        applicationProtocols: [String] = [], clientCertificate: TLSCertificateKey? = nil, resumption: Bool = true
    ) {
        self.trust = trust
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
        self.clientCertificate = clientCertificate
        self.resumption = resumption
    }
}

/// The client side's settings, shared by connections of all event loops. The server's certificate is always verified.
///
/// `@unchecked Sendable`: the `SSL_CTX` is complete when `init` returns and nothing changes it afterwards; OpenSSL counts its
/// references with atomics and locks what it shares inside. The session cache has a lock of its own.
public final class TLSClientContext: @unchecked Sendable {
    let context: OpaquePointer
    let sessions: SessionCache?

    /// Throws `TLSError` of kind `configuration` with the file and its fault.
    public init(_ options: TLSClientOptions = TLSClientOptions()) throws(TLSError) {
        context = try ContextSetup.make(role: .client, minimum: options.minimumVersion, maximum: options.maximumVersion)
        sessions = options.resumption ? SessionCache() : nil
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, TLSSession.noteVerifyFailure)
        switch options.trust {
        case .system:
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw TLSError(.configuration, "the system's trusted certificates cannot be read (\(ErrorQueue.drain().text))")
            }
        case .only(let source): try ContextSetup.trust(source.certificates(), in: context)
        }
        if let pair = options.clientCertificate { _ = try ContextSetup.use(pair, in: context) }
        let protocols = try ContextSetup.wireFormat(applicationProtocols: options.applicationProtocols)
        if !protocols.isEmpty, SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count)) != 0 {
            throw TLSError(.fault, "OpenSSL refuses the application protocols (\(ErrorQueue.drain().text))")
        }
        // OpenSSL's own cache finds nothing for a client; sessions arrive through the callback.
        let off = SSL_SESS_CACHE_OFF
        let external = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE
        countersign_ssl_ctx_set_session_cache_mode(context, Int(options.resumption ? external : off))
        if options.resumption { SSL_CTX_sess_set_new_cb(context, TLSSession.keepSession) }
    }

    deinit { SSL_CTX_free(context) }
}

/// A server's name as it is checked against the certificate: a DNS name or an IP address.
struct ServerName: Sendable, Equatable {
    /// Lower case, without a trailing dot or brackets.
    let text: String
    let isAddress: Bool

    /// Letters, digits, `-`, `_` and `.`, at most 253 bytes; or an IPv4 or IPv6 address, the latter also in brackets.
    init(_ name: String) throws(TLSError) {
        var bytes = Array(name.utf8)
        if bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]") { bytes = Array(bytes.dropFirst().dropLast()) }
        guard !bytes.contains(0) else { throw TLSError(.configuration, "a server name has no NUL in it") }
        let address = String(decoding: bytes, as: UTF8.self)
        if let octets = a2i_IPADDRESS(address) {
            ASN1_OCTET_STRING_free(octets)
            text = address
            isAddress = true
            return
        }
        ErrorQueue.clear()
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        let lawful = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard lawful, (1...253).contains(bytes.count), bytes.first != UInt8(ascii: ".") else {
            throw TLSError(.configuration, "a server name is a DNS name of at most 253 bytes or an IP address")
        }
        text = String(decoding: bytes, as: UTF8.self).lowercased()
        isAddress = false
    }
}

import GatewayCore

/// Where a listener listens.
public enum BindAddress: Sendable, Hashable {
    /// `host` is as configured, without brackets; `address` is nil when it is a name. Port 0 takes a free one.
    case tcp(host: String, address: IPAddress?, port: Int)
    /// An absolute path of at most 107 bytes (`sun_path`, unix(7)).
    case unix(path: String)

    /// Whether only this machine can reach it: a unix socket, 127.0.0.0/8, ::1 or `localhost`.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, let address, _): address?.isLoopback ?? (host == "localhost")
        }
    }
}

extension BindAddress: CustomStringConvertible {
    /// As it is written in the configuration: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/gateway.sock`.
    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, _, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// One entry of `listeners`.
public struct ListenerSettings: Sendable, Equatable {
    public var bind: BindAddress
    /// Permission bits of a unix socket's file. Default 0660.
    public var unixMode: UInt32
    /// Whether a second process may listen on the same address, or take the socket's path over, while this one still does.
    public var reusesPort: Bool
    /// Whether plain HTTP may be served beyond this machine.
    public var allowPlaintext: Bool
    /// nil: plain HTTP.
    public var tls: ListenerTLSSettings?
    public var timeouts: ListenerTimeouts
    public var limits: ListenerLimits

    public init(
        bind: BindAddress, unixMode: UInt32 = 0o660, reusesPort: Bool = false, allowPlaintext: Bool = false,
        tls: ListenerTLSSettings? = nil,
        timeouts: ListenerTimeouts = ListenerTimeouts(), limits: ListenerLimits = ListenerLimits()
    ) {
        self.bind = bind
        self.unixMode = unixMode
        self.reusesPort = reusesPort
        self.allowPlaintext = allowPlaintext
        self.tls = tls
        self.timeouts = timeouts
        self.limits = limits
    }
}

/// A PEM certificate chain and its PEM key, by absolute path.
public struct CertificateFiles: Sendable, Hashable {
    public var certificate: String
    public var privateKey: String

    public init(certificate: String, privateKey: String) {
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

/// `tls` of a listener. All paths are absolute, all files PEM.
public struct ListenerTLSSettings: Sendable, Equatable {
    public enum ClientCertificate: String, Sendable, CaseIterable {
        case required
        case optional
    }

    /// Served when the client names no host, or none that the others cover.
    public var identity: CertificateFiles
    /// Chosen by the client's SNI.
    public var additionalIdentities: [CertificateFiles]
    /// Who signs client certificates; nil: none is asked for.
    public var clientCA: String?
    /// Means something only with `clientCA`. Default `required`.
    public var clientCertificate: ClientCertificate
    /// Revoked client certificates.
    public var crlFile: String?

    public init(
        identity: CertificateFiles, additionalIdentities: [CertificateFiles] = [], clientCA: String? = nil,
        clientCertificate: ClientCertificate = .required, crlFile: String? = nil
    ) {
        self.identity = identity
        self.additionalIdentities = additionalIdentities
        self.clientCA = clientCA
        self.clientCertificate = clientCertificate
        self.crlFile = crlFile
    }
}

/// `timeouts` of a listener, each 1 ms to 24 h.
public struct ListenerTimeouts: Sendable, Equatable {
    /// For the whole request head, from its first byte (for a new connection, from its acceptance).
    public var headNanoseconds: UInt64
    /// For the whole request body.
    public var bodyNanoseconds: UInt64
    /// For a connection without a request.
    public var idleNanoseconds: UInt64

    public init(
        headNanoseconds: UInt64 = 10_000_000_000, bodyNanoseconds: UInt64 = 30_000_000_000, idleNanoseconds: UInt64 = 60_000_000_000
    ) {
        self.headNanoseconds = headNanoseconds
        self.bodyNanoseconds = bodyNanoseconds
        self.idleNanoseconds = idleNanoseconds
    }
}

/// `limits` of a listener.
public struct ListenerLimits: Sendable, Equatable {
    /// Method, target and version. 256 to 65,536.
    public var startLineBytes: Int
    /// 8 to 1,000.
    public var fieldCount: Int
    /// Start line and fields together. 1,024 to 1,048,576 and not below `startLineBytes`.
    public var headBytes: Int
    /// 0 to 1 GiB.
    public var bodyBytes: Int
    /// Open at once. 1 to 1,000,000.
    public var connections: Int
    /// Open at once from one address; nil: no limit of its own.
    public var connectionsPerAddress: Int?

    public init(
        startLineBytes: Int = 8192, fieldCount: Int = 100, headBytes: Int = 65_536, bodyBytes: Int = 1_048_576,
        connections: Int = 10_000, connectionsPerAddress: Int? = nil
    ) {
        self.startLineBytes = startLineBytes
        self.fieldCount = fieldCount
        self.headBytes = headBytes
        self.bodyBytes = bodyBytes
        self.connections = connections
        self.connectionsPerAddress = connectionsPerAddress
    }
}

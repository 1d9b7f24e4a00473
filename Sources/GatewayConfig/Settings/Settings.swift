import GatewayCore

/// A validated configuration: plain values, every reference resolved to something that exists.
public struct Settings: Sendable, Equatable {
    /// At least one, in the order of the file.
    public var listeners: [ListenerSettings]
    /// nil: no admin listener.
    public var admin: AdminSettings?
    /// By the name that upstreams refer to.
    public var credentials: [String: CredentialSettings]
    /// At least one, in the order of the file; names are unique.
    public var upstreams: [UpstreamSettings]
    /// nil: only loopback and unix-socket peers are served, as caller `local`.
    public var callers: [CallerRule]?
    /// In the order of the file; names are unique.
    public var limits: [LimitRule]
    /// At least one, in the order of the file.
    public var routes: [RouteRule]
    /// nil: no audit trail is kept.
    public var audit: AuditRule?
    public var drain: DrainSettings
    /// nil: each gateway counts alone.
    public var limitStore: LimitStoreSettings?
    /// Whether the files of the configuration are watched, and a change of them taken like a SIGHUP.
    public var watchesFiles = true
    /// Names this configuration in records and metrics: the first 16 hex digits of the SHA-256 of its file, as `sha256sum` prints it.
    public var digest = ""
    /// Absolute paths of every file that this configuration was read from or names (configuration, secrets, certificates):
    /// what a file watch watches.
    public var sourceFiles: [String]
    /// What is lawful and unwise, with its mend: a secret written into a configuration file that group or others can read.
    public var warnings: [ConfigurationMistake] = []

    public init(
        listeners: [ListenerSettings], admin: AdminSettings? = nil, credentials: [String: CredentialSettings],
        upstreams: [UpstreamSettings], callers: [CallerRule]? = nil, limits: [LimitRule] = [], routes: [RouteRule],
        audit: AuditRule? = nil, drain: DrainSettings = DrainSettings(), limitStore: LimitStoreSettings? = nil,
        sourceFiles: [String] = []
    ) {
        self.listeners = listeners
        self.admin = admin
        self.credentials = credentials
        self.upstreams = upstreams
        self.callers = callers
        self.limits = limits
        self.routes = routes
        self.audit = audit
        self.drain = drain
        self.limitStore = limitStore
        self.sourceFiles = sourceFiles
    }
}

extension Settings {
    /// Whether peers that no caller's rule names are let through to a route whose policy is only reported.
    public var reportsUnknownCallers: Bool { callers != nil && routes.contains { $0.mode == .report } }
}

/// `admin`: where `/live`, `/ready`, `/metrics` and `/status` are answered.
public struct AdminSettings: Sendable, Equatable {
    /// Default `127.0.0.1:9901`.
    public var bind: BindAddress
    /// Whether a second process may listen on the same address while this one still does.
    public var reusesPort: Bool
    /// SHA-256 of the token that freeze, thaw and quit ask for, 32 bytes; nil: nobody may.
    public var tokenDigest: [UInt8]?
    /// Where a freeze is kept, an absolute path; nil: beside the audit file.
    public var stateFile: String?

    public init(bind: BindAddress, reusesPort: Bool = false, tokenDigest: [UInt8]? = nil, stateFile: String? = nil) {
        self.bind = bind
        self.reusesPort = reusesPort
        self.tokenDigest = tokenDigest
        self.stateFile = stateFile
    }
}

extension Settings {
    /// The file that is there while calls are frozen: `admin.stateFile`, else the audit file's path and `.freeze`; nil without either.
    public var freezePath: String? { admin?.stateFile ?? audit.map { $0.path + ".freeze" } }
}

/// `drain`: what a SIGTERM does.
public struct DrainSettings: Sendable, Equatable {
    /// How long connections are still accepted after readiness is gone, so that load balancers notice. 0 to 5 min.
    public var delayNanoseconds: UInt64
    /// How long requests in flight may take after that. 0 to 1 h.
    public var timeoutNanoseconds: UInt64

    public init(delayNanoseconds: UInt64 = 500_000_000, timeoutNanoseconds: UInt64 = 10_000_000_000) {
        self.delayNanoseconds = delayNanoseconds
        self.timeoutNanoseconds = timeoutNanoseconds
    }
}

/// `limitStore`: the Redis or Valkey in which several gateways share their limits.
public struct LimitStoreSettings: Sendable, Equatable {
    /// What limits do while the store cannot be reached.
    public enum FailureRule: String, Sendable, CaseIterable {
        /// Each gateway goes on limiting by itself.
        case local
        /// Requests are refused.
        case deny
    }

    public var host: String
    /// The host as a number, where it is one.
    public var address: IPAddress?
    public var port: Int
    /// `rediss://`.
    public var usesTLS: Bool
    public var user: String?
    public var password: Secret?
    /// The number after the slash: `SELECT`. 0 to 1,000,000.
    public var database: Int
    public var keyPrefix: String
    public var onStoreFailure: FailureRule
    /// For one round trip, connecting included. 1 ms to 10 s.
    public var timeoutNanoseconds: UInt64

    public init(
        host: String, address: IPAddress? = nil, port: Int = 6379, usesTLS: Bool = false, user: String? = nil, password: Secret? = nil,
        database: Int = 0, keyPrefix: String = "countersign:", onStoreFailure: FailureRule = .local,
        timeoutNanoseconds: UInt64 = 100_000_000
    ) {
        self.host = host
        self.address = address
        self.port = port
        self.usesTLS = usesTLS
        self.user = user
        self.password = password
        self.database = database
        self.keyPrefix = keyPrefix
        self.onStoreFailure = onStoreFailure
        self.timeoutNanoseconds = timeoutNanoseconds
    }
}

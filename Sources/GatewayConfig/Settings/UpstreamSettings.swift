import GatewayCore

/// One entry of `upstreams`: the only places that are ever contacted.
public struct UpstreamSettings: Sendable, Equatable {
    public var name: String
    /// `https`.
    public var usesTLS: Bool
    /// A name in lower case or an address, without brackets: what is resolved, and what the certificate must name.
    public var host: String
    /// The host as a number, where it is one.
    public var address: IPAddress?
    /// 1 to 65,535.
    public var port: Int
    /// The service in the credential scope, for example `chime`.
    public var service: String
    /// The region in the credential scope, for example `us-east-1`.
    public var region: String
    /// The key in `credentials`.
    public var credentials: String
    /// For one connection, TLS handshake included. 1 ms to 10 min, as the other two.
    public var connectTimeoutNanoseconds: UInt64
    /// From the last byte of the request to the head of the response.
    public var responseTimeoutNanoseconds: UInt64
    /// After which an unused connection is closed.
    public var idleTimeoutNanoseconds: UInt64
    /// Open connections of the whole process. 1 to 10,000.
    public var maxConnections: Int
    /// Absolute path of PEM certificates to trust instead of the system's; nil: the system's.
    public var caFile: String?
    /// Requests under way at once, beyond which callers get 503; nil: no limit. 1 to 1,000,000.
    public var maxInFlight: Int?
    /// Whether HTTP/2 is spoken.
    public var http2: HTTP2Mode
    /// HTTP/2: after so long without a byte from the upstream a PING asks whether the connection lives. 1 ms to 10 min, as the next.
    public var pingIntervalNanoseconds: UInt64
    /// HTTP/2: within which something must come after a PING.
    public var pingTimeoutNanoseconds: UInt64

    public init(
        name: String, usesTLS: Bool, host: String, address: IPAddress? = nil, port: Int, service: String, region: String,
        credentials: String, connectTimeoutNanoseconds: UInt64 = 2_000_000_000, responseTimeoutNanoseconds: UInt64 = 10_000_000_000,
        idleTimeoutNanoseconds: UInt64 = 40_000_000_000, maxConnections: Int = 64, caFile: String? = nil, maxInFlight: Int? = nil,
        http2: HTTP2Mode = .auto, pingIntervalNanoseconds: UInt64 = 30_000_000_000, pingTimeoutNanoseconds: UInt64 = 10_000_000_000
    ) {
        self.name = name
        self.usesTLS = usesTLS
        self.host = host
        self.address = address
        self.port = port
        self.service = service
        self.region = region
        self.credentials = credentials
        self.connectTimeoutNanoseconds = connectTimeoutNanoseconds
        self.responseTimeoutNanoseconds = responseTimeoutNanoseconds
        self.idleTimeoutNanoseconds = idleTimeoutNanoseconds
        self.maxConnections = maxConnections
        self.caFile = caFile
        self.maxInFlight = maxInFlight
        self.http2 = http2
        self.pingIntervalNanoseconds = pingIntervalNanoseconds
        self.pingTimeoutNanoseconds = pingTimeoutNanoseconds
    }

    /// Whether a connection may come to speak HTTP/2.
    public var mayUseHTTP2: Bool { http2 == .required || http2 == .auto && usesTLS }

    /// The `Host` field's value: the port stands only where it is not the scheme's own (RFC 9110 section 7.2).
    public var authority: String {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return port == (usesTLS ? 443 : 80) ? bracketed : "\(bracketed):\(port)"
    }

    /// For people: `https://service.chime.aws.amazon.com`.
    public var url: String { (usesTLS ? "https://" : "http://") + authority }
}

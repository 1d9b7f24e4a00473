/// What `GET /status` says, member for member: written by the gateway, read by `countersign status`, described by `deploy/status.schema.json`.
///
/// A member that means nothing for a gateway (an audit trail that is not configured, an upstream that has not failed) is absent. Times are
/// RFC 3339 in UTC with milliseconds. No member holds a phone number or a secret.
public struct StatusDocument: Codable, Sendable {
    public struct Frozen: Codable, Sendable {
        public var since, by, source, reason: String
    }

    public struct Configuration: Codable, Sendable {
        /// As `decision.configuration` in audit records.
        public var hash: String
        public var taken: String
        public var reloads, failures: Int
        /// Absent where the last configuration that was read was taken.
        public var lastFailure, lastFailureTime: String?
    }

    public struct Route: Codable, Sendable {
        /// Empty where no route matched.
        public var operation: String
        /// Who answered: `upstream` or `gateway`.
        public var origin: String
        public var answers: UInt64
        public var meanMilliseconds: Double
        /// Bounds of the classes in which the median and the 99th hundredth lie; absent beyond 10 s.
        public var medianBelowMilliseconds, p99BelowMilliseconds: Double?
    }

    public struct Certificate: Codable, Sendable {
        public var listener, certificate, expires: String
    }

    public struct Process: Codable, Sendable {
        public var residentBytes, openDescriptors: UInt64
        public var cpuSeconds: Double
        /// By event loop.
        public var loopDelayMeanMilliseconds: [Double]
    }

    public struct Upstream: Codable, Sendable {
        public struct Failure: Codable, Sendable {
            /// The word that callers got as `countersign-reason`: `upstream/refused`.
            public var reason: String
            public var time: String
        }

        public var name, url: String
        public var connections, idle, waiting, http2Connections, http2Streams: Int
        /// Its time minus this machine's; absent before an answer has told it.
        public var clockSkewSeconds: Double?
        /// The last request that got no whole answer; absent where all did.
        public var lastFailure: Failure?
    }

    public struct Credentials: Codable, Sendable {
        public var name, type: String
        public var usable: Bool
        /// Absent where they do not end, or there are none.
        public var expires: String?
        /// Why the last fetch failed.
        public var problem: String?
        public var fetches, failures: UInt64
    }

    public struct Limit: Codable, Sendable {
        public var limit, per: String
        public var upstream, route, caller: String?
        public var configuredRatePerSecond, ratePerSecond: Double
        /// Why the rate is what it is: `configured` or `upstream-throttled`.
        public var reason: String
        public var secondsSinceThrottle: Double?
        public var cuts, burst, remaining: UInt64
        public var waiting: Int
    }

    public struct LimitStore: Codable, Sendable {
        public var address: String
        public var up: Bool
        public var connections, connectionsUp: Int
        public var onStoreFailure: String
        /// Requests decided without the store.
        public var decidedAlone: UInt64
        /// By cause.
        public var failures: [String: UInt64]
        public var answers, meanMicroseconds: UInt64
    }

    public struct Audit: Codable, Sendable {
        public var writable: Bool
        /// Why it is not writable.
        public var reason: String?
        /// `seq` of the last record on disk (with `sync: never`: written), and when it was written; absent before the first one.
        public var lastSeq: UInt64?
        public var lastTime: String?
        /// The age of the oldest record that was accepted and is not on disk yet; 0 where all are.
        public var lagSeconds: Double
        public var records, bytes, commits, syncs, failures: UInt64
        public var backlogBytes: Int
        public var owed: UInt64
        public var ship: [Destination]
    }

    /// Where records are copied to.
    public struct Destination: Codable, Sendable {
        public var to: String
        public var up: Bool
        public var reason: String?
        public var acknowledgedSeq, recordsBehind, bytesBehind: UInt64
        public var secondsBehind: Double
        public var records, bytes, connects, failures, gaps, skipped: UInt64
    }

    public var version, started: String
    public var uptimeSeconds: Int64
    public var ready: Bool
    /// The lines of `/ready`.
    public var reasons: [String]
    public var frozen: Frozen?
    public var eventLoops, reloads: Int
    public var configuration: Configuration
    public var listeners: [String]
    public var connections, exchanges: Int
    /// By who spoke, by status class.
    public var answers: [String: [String: UInt64]]
    /// By `countersign-reason`.
    public var refusals: [String: UInt64]
    public var upstreamThrottles: UInt64
    public var routes: [Route]
    /// By caller, by status; the empty name is whoever was not recognised.
    public var callers: [String: [String: UInt64]]
    public var certificates: [Certificate]
    public var process: Process
    public var upstreams: [Upstream]
    public var credentials: [Credentials]
    public var limits: [Limit]
    public var limitStore: LimitStore?
    public var audit: Audit?
}

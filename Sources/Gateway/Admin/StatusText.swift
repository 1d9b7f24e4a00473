import FoundationEssentials
import GatewayCore

/// The snapshot as one JSON object, for programs. Members without meaning (an audit that is not configured) are left out.
struct StatusText: Encodable {
    private struct Upstream: Encodable {
        var name: String
        var url: String
        var connections: Int
        var idle: Int
        var waiting: Int
        var http2Connections: Int
        var http2Streams: Int
        /// Left out before an answer has told it.
        var clockSkewSeconds: Double?
    }

    private struct Limit: Encodable {
        var limit: String
        var per: String
        var upstream: String?
        var route: String?
        var caller: String?
        var configuredRatePerSecond: Double
        var ratePerSecond: Double
        var reason: String
        var secondsSinceThrottle: Double?
        var cuts: UInt64
        var burst: UInt64
        var remaining: UInt64
        var waiting: Int
    }

    private struct Frozen: Encodable {
        var since: String
        var by: String
        var source: String
        var reason: String
    }

    private struct Route: Encodable {
        var operation: String
        var origin: String
        var answers: UInt64
        var meanMilliseconds: Double
        /// Bounds of the classes in which the median and the 99th hundredth lie; absent beyond 10 s.
        var medianBelowMilliseconds: Double?
        var p99BelowMilliseconds: Double?
    }

    private struct Certificate: Encodable {
        var listener: String
        var certificate: String
        var expires: String
    }

    private struct Process: Encodable {
        var residentBytes: UInt64
        var openDescriptors: UInt64
        var cpuSeconds: Double
        var loopDelayMeanMilliseconds: [Double]
    }

    private struct Configuration: Encodable {
        var hash: String
        var taken: String
        var reloads: Int
        var failures: Int
        /// Absent where the last configuration that was read was taken.
        var lastFailure: String?
        var lastFailureTime: String?
    }

    private struct Audit: Encodable {
        var writable: Bool
        var reason: String?
        var records: UInt64
        var bytes: UInt64
        var commits: UInt64
        var syncs: UInt64
        var failures: UInt64
        var backlogBytes: Int
        var owed: UInt64
        var ship: [ShipStatusText]
    }

    private var version: String
    private var started: String
    private var uptimeSeconds: Int64
    private var ready: Bool
    private var reasons: [String]
    private var frozen: Frozen?
    private var eventLoops: Int
    private var reloads: Int
    private var configuration: Configuration
    private var listeners: [String]
    private var connections: Int
    private var exchanges: Int
    /// By who spoke, by status class.
    private var answers: [String: [String: UInt64]]
    private var refusals: [String: UInt64]
    private var upstreamThrottles: UInt64
    private var routes: [Route]
    /// By caller, by status; the empty name is whoever was not recognised.
    private var callers: [String: [String: UInt64]]
    private var certificates: [Certificate]
    private var process: Process
    private var upstreams: [Upstream]
    private var credentials: [CredentialText]
    private var limits: [Limit]
    private var limitStore: LimitStoreStatus?
    private var audit: Audit?

    private init(_ snapshot: AdminSnapshot) {
        version = snapshot.version
        started = RFC3339.string(milliseconds: snapshot.startedMilliseconds)
        uptimeSeconds = max(0, (snapshot.nowMilliseconds - snapshot.startedMilliseconds) / 1000)
        ready = snapshot.reasonsNotReady.isEmpty
        reasons = snapshot.reasonsNotReady
        frozen = snapshot.freeze.map {
            Frozen(since: RFC3339.string(milliseconds: $0.sinceMilliseconds), by: $0.by, source: $0.source, reason: $0.reason)
        }
        eventLoops = snapshot.loops
        reloads = snapshot.reloads
        let status = snapshot.configuration
        configuration = Configuration(
            hash: status.digest, taken: RFC3339.string(milliseconds: status.takenMilliseconds), reloads: snapshot.reloads,
            failures: status.failures, lastFailure: status.lastFailure,
            lastFailureTime: status.lastFailure.map { _ in RFC3339.string(milliseconds: status.lastFailureMilliseconds) })
        listeners = snapshot.listeners
        connections = snapshot.connections
        exchanges = snapshot.exchanges
        answers = ["upstream": Self.classes(snapshot.counters.upstreamAnswers), "gateway": Self.classes(snapshot.counters.gatewayAnswers)]
        refusals = snapshot.counters.refusals
        upstreamThrottles = snapshot.counters.upstreamThrottles
        routes = snapshot.durations.sorted { $0.key < $1.key }.map { place, durations in
            Route(
                operation: place.route, origin: place.origin, answers: durations.count, meanMilliseconds: Self.mean(durations),
                medianBelowMilliseconds: durations.bound(of: 0.5).map { Double($0) / 1e6 },
                p99BelowMilliseconds: durations.bound(of: 0.99).map { Double($0) / 1e6 })
        }
        callers = snapshot.requests.reduce(into: [:]) { $0[$1.key.caller, default: [:]][$1.key.status, default: 0] += $1.value }
        certificates = snapshot.certificates.map {
            Certificate(
                listener: $0.listener, certificate: $0.file, expires: RFC3339.string(milliseconds: $0.expirySeconds * 1000))
        }
        process = Process(
            residentBytes: snapshot.usage.residentBytes, openDescriptors: snapshot.usage.openDescriptors,
            cpuSeconds: snapshot.usage.cpuSeconds, loopDelayMeanMilliseconds: snapshot.delays.map(Self.mean))
        upstreams = snapshot.pools.map {
            Upstream(
                name: $0.upstream, url: $0.url, connections: $0.open, idle: $0.idle, waiting: $0.waiting, http2Connections: $0.http2,
                http2Streams: $0.streams, clockSkewSeconds: $0.clockSkewSeconds)
        }
        credentials = snapshot.credentials.map(CredentialText.init)
        limits = snapshot.limits.map { limit in
            Limit(
                limit: limit.limit, per: limit.scope.rawValue, upstream: limit.upstream, route: limit.route, caller: limit.caller,
                configuredRatePerSecond: limit.configuredRate, ratePerSecond: limit.rateInForce, reason: limit.reason.rawValue,
                secondsSinceThrottle: limit.sinceThrottle.map { Double($0) / 1e9 }, cuts: limit.cuts, burst: limit.burst,
                remaining: limit.remaining, waiting: limit.waiting)
        }
        limitStore = snapshot.store.map(LimitStoreStatus.init)
        audit = snapshot.audit.map { audit in
            var reason: String?
            if case .unwritable(let words) = audit.status { reason = words }
            return Audit(
                writable: reason == nil, reason: reason, records: audit.counters.records, bytes: audit.counters.bytes,
                commits: audit.counters.commits, syncs: audit.counters.syncs, failures: audit.counters.failures,
                backlogBytes: audit.backlogBytes, owed: audit.counters.owed,
                ship: snapshot.shipping.map(ShipStatusText.init))
        }
    }

    private static func mean(_ durations: Histogram) -> Double {
        durations.count == 0 ? 0 : (Double(durations.sum) / Double(durations.count) / 1e3).rounded() / 1e3
    }

    private static func classes(_ counts: [UInt64]) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: (1...5).map { ("\($0)xx", counts[$0]) })
    }

    static func render(_ snapshot: AdminSnapshot) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(StatusText(snapshot)) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

import FoundationEssentials
import GatewayCore

extension StatusDocument {
    init(_ snapshot: AdminSnapshot) {
        self.init(
            version: snapshot.version, started: RFC3339.string(milliseconds: snapshot.startedMilliseconds),
            uptimeSeconds: max(0, (snapshot.nowMilliseconds - snapshot.startedMilliseconds) / 1000),
            ready: snapshot.reasonsNotReady.isEmpty, reasons: snapshot.reasonsNotReady, frozen: snapshot.freeze.map(Frozen.init),
            eventLoops: snapshot.loops, reloads: snapshot.reloads,
            configuration: Configuration(snapshot.configuration, reloads: snapshot.reloads), listeners: snapshot.listeners,
            connections: snapshot.connections, exchanges: snapshot.exchanges,
            answers: [
                "upstream": Self.classes(snapshot.counters.upstreamAnswers), "gateway": Self.classes(snapshot.counters.gatewayAnswers),
            ],
            refusals: snapshot.counters.refusals, upstreamThrottles: snapshot.counters.upstreamThrottles,
            routes: snapshot.durations.sorted { $0.key < $1.key }.map { Route($0.key, $0.value) },
            callers: snapshot.requests.reduce(into: [:]) { $0[$1.key.caller, default: [:]][$1.key.status, default: 0] += $1.value },
            certificates: snapshot.certificates.map {
                Certificate(listener: $0.listener, certificate: $0.file, expires: RFC3339.string(milliseconds: $0.expirySeconds * 1000))
            },
            process: Process(
                residentBytes: snapshot.usage.residentBytes, openDescriptors: snapshot.usage.openDescriptors,
                cpuSeconds: snapshot.usage.cpuSeconds, loopDelayMeanMilliseconds: snapshot.delays.map(Self.mean)),
            upstreams: snapshot.pools.map(Upstream.init), credentials: snapshot.credentials.map(Credentials.init),
            limits: snapshot.limits.map(Limit.init), limitStore: snapshot.store.map(LimitStore.init),
            audit: snapshot.audit.map { Audit($0, snapshot.shipping) })
    }

    static func render(_ snapshot: AdminSnapshot) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(StatusDocument(snapshot)) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    fileprivate static func mean(_ durations: Histogram) -> Double {
        durations.count == 0 ? 0 : (Double(durations.sum) / Double(durations.count) / 1e3).rounded() / 1e3
    }

    private static func classes(_ counts: [UInt64]) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: (1...5).map { ("\($0)xx", counts[$0]) })
    }
}

extension StatusDocument.Frozen {
    init(_ freeze: Freeze) {
        self.init(
            since: RFC3339.string(milliseconds: freeze.sinceMilliseconds), by: freeze.by, source: freeze.source, reason: freeze.reason)
    }
}

extension StatusDocument.Configuration {
    init(_ status: ReloadStatus, reloads: Int) {
        self.init(
            hash: status.digest, taken: RFC3339.string(milliseconds: status.takenMilliseconds), reloads: reloads,
            failures: status.failures, lastFailure: status.lastFailure,
            lastFailureTime: status.lastFailure.map { _ in RFC3339.string(milliseconds: status.lastFailureMilliseconds) })
    }
}

extension StatusDocument.Route {
    init(_ place: RequestTally.Place, _ durations: Histogram) {
        self.init(
            operation: place.route, origin: place.origin, answers: durations.count, meanMilliseconds: StatusDocument.mean(durations),
            medianBelowMilliseconds: durations.bound(of: 0.5).map { Double($0) / 1e6 },
            p99BelowMilliseconds: durations.bound(of: 0.99).map { Double($0) / 1e6 })
    }
}

extension StatusDocument.Upstream {
    init(_ pool: PoolSnapshot) {
        self.init(
            name: pool.upstream, url: pool.url, connections: pool.open, idle: pool.idle, waiting: pool.waiting,
            http2Connections: pool.http2, http2Streams: pool.streams, clockSkewSeconds: pool.clockSkewSeconds,
            lastFailure: pool.lastFailure.map { Failure(reason: $0.reason, time: RFC3339.string(milliseconds: $0.timeMilliseconds)) })
    }
}

extension StatusDocument.Credentials {
    init(_ status: CredentialKeeper.Status) {
        self.init(
            name: status.name, type: status.kind, usable: status.isUsable, expires: status.expiresAt.map(RFC3339.string),
            problem: status.problem, fetches: status.fetches, failures: status.failures)
    }
}

extension StatusDocument.Limit {
    init(_ limit: LimitStatus) {
        self.init(
            limit: limit.limit, per: limit.scope.rawValue, upstream: limit.upstream, route: limit.route, caller: limit.caller,
            configuredRatePerSecond: limit.configuredRate, ratePerSecond: limit.rateInForce, reason: limit.reason.rawValue,
            secondsSinceThrottle: limit.sinceThrottle.map { Double($0) / 1e9 }, cuts: limit.cuts, burst: limit.burst,
            remaining: limit.remaining, waiting: limit.waiting)
    }
}

extension StatusDocument.LimitStore {
    init(_ store: StoreSnapshot) {
        let answers = store.latencyClasses.reduce(0, +)
        self.init(
            address: store.address, up: store.isUp, connections: store.connections, connectionsUp: store.connectionsUp,
            onStoreFailure: store.rule, decidedAlone: store.decidedAlone,
            failures: Dictionary(store.failures.map { ($0.cause, $0.count) }, uniquingKeysWith: +), answers: answers,
            meanMicroseconds: answers == 0 ? 0 : store.latencyNanoseconds / answers / 1000)
    }
}

extension StatusDocument.Audit {
    init(_ audit: AuditSnapshot, _ destinations: [ShipStatus]) {
        var reason: String?
        if case .unwritable(let words) = audit.status { reason = words }
        let counters = audit.counters
        self.init(
            writable: reason == nil, reason: reason, lastSeq: audit.position.flatMap { $0.sequence > 0 ? $0.sequence : nil },
            lastTime: audit.position?.time.map(RFC3339.string), lagSeconds: audit.lagSeconds, records: counters.records,
            bytes: counters.bytes, commits: counters.commits, syncs: counters.syncs, failures: counters.failures,
            backlogBytes: audit.backlogBytes, owed: counters.owed, ship: destinations.map(StatusDocument.Destination.init))
    }
}

extension StatusDocument.Destination {
    init(_ status: ShipStatus) {
        self.init(
            to: status.destination, up: status.isUp, reason: status.reason, acknowledgedSeq: status.acknowledgedSequence,
            recordsBehind: status.recordsBehind, bytesBehind: status.bytesBehind, secondsBehind: status.secondsBehind,
            records: status.records, bytes: status.bytes, connects: status.connects, failures: status.failures, gaps: status.gaps,
            skipped: status.skipped)
    }
}

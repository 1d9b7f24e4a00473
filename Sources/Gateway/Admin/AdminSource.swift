import GatewayConfig
import GatewayCore

/// An answer of the admin listener.
struct AdminAnswer: Sendable, Equatable {
    var status = 200
    var contentType = "text/plain; charset=utf-8"
    var body: String
    /// Further field lines.
    var fields: [(String, String)] = []
    /// The process is to end, as by SIGTERM, once this is sent.
    var endsProcess = false

    static func == (left: AdminAnswer, right: AdminAnswer) -> Bool {
        left.status == right.status && left.contentType == right.contentType && left.body == right.body
            && left.fields.elementsEqual(right.fields, by: ==)
    }
}

/// Gathers what operators ask for and renders it.
struct AdminSource: Sendable {
    let workers: WorkerTable
    let state: ServerState
    let control: FreezeControl

    func answer(_ request: AdminRequest) async -> AdminAnswer {
        if Self.commands.contains(request.path) { return await command(request) }
        guard request.method == "GET" || request.method == "HEAD" else {
            return AdminAnswer(
                status: 405, body: "This answers GET and HEAD only; POST is for /freeze, /thaw and /quit.\n",
                fields: [("Allow", "GET, HEAD")])
        }
        if Self.privatePaths.contains(request.path), let refusal = AdminHost.refusal(request.evidence) { return refusal }
        switch request.path {
        case "/startup": return await startup()
        case "/live": return AdminAnswer(body: "live\n")
        case "/ready": return await ready()
        case "/metrics":
            return AdminAnswer(contentType: "text/plain; version=0.0.4; charset=utf-8", body: MetricsText.render(await snapshot()))
        case "/status": return AdminAnswer(contentType: "application/json", body: StatusDocument.render(await snapshot()) + "\n")
        case "/history": return await history()
        case "/records": return await records(request.query)
        case "/deletions": return await deletions(request.query)
        case "/": return StatusPage.answer
        default:
            return AdminAnswer(
                status: 404,
                body:
                    "Not found. Try /live, /ready, /startup, /metrics, /status, /history, /records, /deletions or /, or POST /freeze, /thaw or /quit.\n"
            )
        }
    }

    /// Once yes, always yes: what comes later is for `/ready` to tell.
    private func startup() async -> AdminAnswer {
        if await state.isReady { return AdminAnswer(body: "started\n") }
        return AdminAnswer(status: 503, body: Self.starting + "\n")
    }

    private static let starting = "starting: listeners are not open yet"

    /// A frozen gateway is ready: it answers, and what only reads still goes through.
    private func ready() async -> AdminAnswer {
        let reasons = await reasonsNotReady()
        let note = state.freeze.freeze.map { "frozen: \($0.sentence)\n" } ?? ""
        guard !reasons.isEmpty else { return AdminAnswer(body: "ready\n" + note) }
        return AdminAnswer(status: 503, body: reasons.map { $0 + "\n" }.joined() + note)
    }

    /// `word: sentence`, one for each cause.
    private func reasonsNotReady() async -> [String] {
        var reasons: [String] = []
        if await !state.isReady { reasons.append(Self.starting) }
        if await state.isDraining { reasons.append("draining: the gateway is shutting down") }
        let now = Clock.wallMilliseconds()
        for keeper in await state.runtime.usedCredentials.map({ $0.status(now: now) }) where !keeper.isUsable {
            reasons.append("credentials: \(keeper.name): \(keeper.problem ?? "they have expired")")
        }
        if let trail = await state.runtime.trail, case .unwritable(let reason) = trail.status { reasons.append("audit: \(reason)") }
        if let store = await state.runtime.limiter.shared?.store, store.settings.onStoreFailure == .deny, store.counters.connectionsUp == 0
        {
            reasons.append("limit-store: it does not answer, and limited requests are refused")
        }
        return reasons
    }

    private func snapshot() async -> AdminSnapshot {
        let shares = (try? await workers.onEach { worker in WorkerSnapshot(worker) }) ?? []
        let runtime = await state.runtime
        var counters = Counters()
        var connections = 0
        var exchanges = 0
        var pools: [PoolSnapshot] = runtime.upstreams.map { PoolSnapshot(upstream: $0.settings.name, url: $0.settings.url) }
        var requests: [RequestTally.Key: UInt64] = [:]
        var durations: [RequestTally.Place: Histogram] = [:]
        for share in shares {
            requests.merge(share.requests, uniquingKeysWith: &+)
            durations.merge(share.durations) { left, right in
                var sum = left
                sum.add(right)
                return sum
            }
            counters.add(share.counters)
            connections += share.connections
            exchanges += share.exchanges
            for (index, pool) in share.pools.enumerated() where index < pools.count {
                pools[index].open += pool.open
                pools[index].idle += pool.idle
                pools[index].waiting += pool.waiting
                pools[index].http2 += pool.http2
                pools[index].streams += pool.streams
            }
        }
        for (index, target) in runtime.upstreams.enumerated() {
            let reading = target.clock.reading
            pools[index].clockSkewSeconds = reading.isMeasured ? Double(reading.skewMilliseconds) / 1000 : nil
            pools[index].signedAgain = target.clock.signedAgainCount
            pools[index].lastFailure = target.lastFailure.last
        }
        let inFlight = runtime.upstreams.compactMap { target in
            target.settings.maxInFlight.map { InFlightSnapshot(name: target.settings.name, count: target.inFlight.value, most: $0) }
        }
        let reasons = await reasonsNotReady()
        let shipping = await state.shipping
        return AdminSnapshot(
            version: Version.text, startedMilliseconds: state.started, nowMilliseconds: Clock.wallMilliseconds(), reasonsNotReady: reasons,
            loops: state.loops, reloads: await state.reloads, configuration: await state.reloadStatus,
            listeners: await state.listeners.map(\.address), counters: counters,
            connections: connections, exchanges: exchanges, pools: pools, limits: runtime.limiter.status(now: Clock.monotonicNanoseconds()),
            store: runtime.limiter.shared?.store.snapshot(),
            audit: runtime.trail.map { AuditSnapshot($0, now: AuditInbox.milliseconds()) },
            shipping: shipping?.status(nowMilliseconds: Clock.wallMilliseconds()) ?? [], freeze: state.freeze.freeze,
            credentials: runtime.usedCredentials.map { $0.status(now: Clock.wallMilliseconds()) }, requests: requests,
            durations: durations, delays: shares.map(\.delay), inFlight: inFlight,
            certificates: runtime.certificates, usage: .now())
    }
}

/// The program's version, as `--version` and `/status` say it.
public enum Version {
    public static let text = "0.1.0"
}

/// One loop's share of a snapshot.
struct WorkerSnapshot: Sendable {
    var counters: Counters
    var connections: Int
    var exchanges: Int
    var requests: [RequestTally.Key: UInt64]
    var durations: [RequestTally.Place: Histogram]
    var delay: Histogram
    var pools: [PoolShare]

    init(_ worker: Worker) {
        counters = worker.counters
        connections = worker.connections.count
        exchanges = worker.exchanges
        requests = worker.requests.counts
        durations = worker.requests.durationsByPlace
        delay = worker.delay
        pools = worker.currentPools.map(PoolShare.init)
    }
}

struct PoolShare: Sendable {
    var open: Int
    var idle: Int
    var waiting: Int
    var http2: Int
    var streams: Int

    init(_ pool: UpstreamPool) {
        open = pool.connectionCount
        idle = pool.idleCount
        waiting = pool.waitingCount
        http2 = pool.multiplexedCount
        streams = pool.streamCount
    }
}

struct PoolSnapshot: Sendable, Equatable {
    var upstream: String
    var url: String
    var open = 0
    var idle = 0
    var waiting = 0
    /// Those of `open` that speak HTTP/2, and the requests under way on them.
    var http2 = 0
    var streams = 0
    /// The upstream's time minus this machine's; nil before an answer has told it.
    var clockSkewSeconds: Double?
    /// Requests signed again because the upstream refused the time of the first signature.
    var signedAgain: UInt64 = 0
    /// The last request that got no whole answer.
    var lastFailure: LastFailure.Note?
}

struct AuditSnapshot: Sendable, Equatable {
    var status: AuditStatus
    var counters: AuditCounters
    var backlogBytes: Int
    /// The age of the oldest record that was taken and is not on disk.
    var lagSeconds = 0.0
    /// How far it is on disk; nil before the writer has begun.
    var position: AuditPosition?

    init(status: AuditStatus, counters: AuditCounters, backlogBytes: Int) {
        self.status = status
        self.counters = counters
        self.backlogBytes = backlogBytes
    }

    init(_ trail: AuditTrail, now: UInt64) {
        self.init(status: trail.status, counters: trail.counters, backlogBytes: trail.backlog)
        lagSeconds = Double(trail.lagMilliseconds(now: now)) / 1000
        position = trail.positions.current
    }
}

/// The state of the process at one moment; metrics, status and page are renderings of it. No phone number is in it.
struct AdminSnapshot: Sendable {
    var version: String
    var startedMilliseconds: Int64
    var nowMilliseconds: Int64
    var reasonsNotReady: [String]
    var loops: Int
    var reloads: Int
    var configuration: ReloadStatus
    var listeners: [String]
    var counters: Counters
    var connections: Int
    var exchanges: Int
    var pools: [PoolSnapshot]
    var limits: [LimitStatus]
    var store: StoreSnapshot?
    var audit: AuditSnapshot?
    var shipping: [ShipStatus] = []
    var freeze: Freeze?
    var credentials: [CredentialKeeper.Status] = []
    var requests: [RequestTally.Key: UInt64] = [:]
    var durations: [RequestTally.Place: Histogram] = [:]
    /// By event loop.
    var delays: [Histogram] = []
    var inFlight: [InFlightSnapshot] = []
    var certificates: [CertificateSnapshot] = []
    var usage = ProcessUsage()
}

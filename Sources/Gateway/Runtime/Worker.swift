import Digests
import GatewayConfig
import GatewayCore
import NIOCore

/// What one event loop owns: its pools, signers and scratch space, none of it shared, none of it locked.
final class Worker {
    let index: Int
    let loop: any EventLoop
    let log: GatewayLog
    private let workerCount: Int
    private(set) var runtime: GatewayRuntime
    let sha256: SHA256Context
    var ids = ExchangeIDSource()
    var counters = Counters()
    private(set) var traffic: TrafficTally
    private(set) var requests: RequestTally
    /// By how much the clock ticked late, while it ticked.
    private(set) var delay = Histogram(bounds: Histogram.delayBounds)
    /// When the clock is to tick next (monotonic nanoseconds).
    private var nextTick: UInt64 = 0
    private let history: TrafficShare
    let connections = ConnectionTable()
    let lane: AuditLane
    /// Exchanges that have begun and not ended; a drain waits for it to reach zero.
    var exchanges = 0
    /// Connections that tell their callers goodbye, or whose first request is due; a drain waits for them, too.
    var closingConnections = 0
    /// TLS handshakes under way. A drain waits a moment for them.
    var handshakes = 0
    var isDraining = false
    /// Requests that change something and have been handed to the upstream; a freeze waits for their answers.
    var destructiveUnderWay = 0
    let freeze: FreezeSwitch
    /// Nobody is let in any more; who was accepted in the last moment is served and sent away.
    private(set) var isClosing = false
    /// The drain's time is up: nothing more is sent.
    private(set) var isAbandoned = false

    private var pools: [UpstreamPool] = []
    private var signers: [SigningStage] = []
    /// Pools of configurations that were replaced, until their last request is done.
    private var retired: [UpstreamPool] = []
    private var date = DateText()
    private var scratch: [UInt8] = []
    private var ticks: RepeatedTask?
    private var tickNanoseconds: UInt64 = 0

    init(
        index: Int, of workerCount: Int, loop: any EventLoop, runtime: GatewayRuntime, log: GatewayLog,
        history: TrafficShare = TrafficShare(), freeze: FreezeSwitch = FreezeSwitch()
    ) throws {
        self.index = index
        self.workerCount = workerCount
        self.loop = loop
        self.log = log
        self.runtime = runtime
        self.history = history
        self.freeze = freeze
        traffic = Self.tally(runtime)
        requests = RequestTally(routes: runtime.operationNames, callers: runtime.callers.names)
        sha256 = try SHA256Context()
        lane = AuditLane(loop: loop)
        try equip()
    }

    // MARK: - Configuration

    /// Takes a new configuration between two requests. Exchanges under way keep the old one until they end.
    func adopt(_ runtime: GatewayRuntime) throws {
        // Counts go by positions in the configuration.
        if let row = traffic.row { history.add(row) }
        traffic = Self.tally(runtime)
        if runtime.callers.names != self.runtime.callers.names || runtime.operationNames != self.runtime.operationNames {
            requests = RequestTally(routes: runtime.operationNames, callers: runtime.callers.names, after: requests)
        }
        self.runtime = runtime
        for pool in pools {
            pool.retire()
            retired.append(pool)
        }
        try equip()
        rearmTicks()
    }

    private func equip() throws {
        pools = runtime.upstreams.map { target in
            let most = target.settings.maxConnections
            let share = most / workerCount + (index < most % workerCount ? 1 : 0)
            return UpstreamPool(target: target, worker: self, capacity: share)
        }
        signers = try runtime.upstreams.map { try SigningStage(target: $0) }
        // Timeouts are kept to within an eighth.
        let shortest =
            runtime.settings.upstreams.map { min($0.connectTimeoutNanoseconds, $0.responseTimeoutNanoseconds, $0.idleTimeoutNanoseconds) }
            + runtime.settings.upstreams.filter(\.mayUseHTTP2).map { min($0.pingIntervalNanoseconds, $0.pingTimeoutNanoseconds) }
            + runtime.settings.listeners.map { min($0.timeouts.headNanoseconds, $0.timeouts.bodyNanoseconds, $0.timeouts.idleNanoseconds) }
        tickNanoseconds = min(max((shortest.min() ?? 1_000_000_000) / 8, 5_000_000), 1_000_000_000)
    }

    func pool(for target: UpstreamTarget) -> UpstreamPool {
        if pools.indices.contains(target.index), pools[target.index].target === target { return pools[target.index] }
        // An exchange that began under an older configuration finishes under it.
        if let old = retired.first(where: { $0.target === target }) { return old }
        let pool = UpstreamPool(target: target, worker: self, capacity: 1)
        pool.retire()
        retired.append(pool)
        rearmTicks()
        return pool
    }

    func signer(for target: UpstreamTarget) throws(DigestError) -> SigningStage {
        if runtime.upstreams.indices.contains(target.index), runtime.upstreams[target.index] === target { return signers[target.index] }
        return try SigningStage(target: target)
    }

    var allPools: [UpstreamPool] { pools + retired }
    var currentPools: [UpstreamPool] { pools }

    /// Counts an answer for the charts of the last hour. `caller` is a position in the configuration of the exchange.
    func countTraffic(_ kind: TrafficKind, caller: Int?, of exchangeRuntime: GatewayRuntime, arrival: Int64) {
        var caller = caller
        if exchangeRuntime !== runtime, let old = caller {
            // It began under another configuration, in which the callers may stand elsewhere.
            caller = runtime.callers.names.firstIndex(of: exchangeRuntime.callers.names[old])
        }
        if let finished = traffic.count(kind, caller: caller, arrival: arrival) { history.add(finished) }
    }

    /// Counts what an upstream did with an attempt; `nanoseconds` is nil where it gave no answer.
    func countUpstream(_ target: UpstreamTarget, nanoseconds: UInt64?, arrival: Int64) {
        // One of a configuration before is not this one's.
        guard runtime.upstreams.indices.contains(target.index), runtime.upstreams[target.index] === target else { return }
        if let finished = traffic.count(upstream: target.index, nanoseconds: nanoseconds, arrival: arrival) { history.add(finished) }
    }

    private static func tally(_ runtime: GatewayRuntime) -> TrafficTally {
        TrafficTally(callers: runtime.callers.names, upstreams: runtime.upstreams.map(\.settings.name))
    }

    /// Counts an answer for the metrics.
    func countRequest(_ exchange: Exchange, origin: AnswerOrigin, status: Int) {
        var (route, caller) = (exchange.record.route, exchange.record.caller?.caller)
        if exchange.runtime !== runtime {
            // It began under another configuration, in which both may stand elsewhere.
            let old = exchange.runtime
            route = route.flatMap { runtime.operationNames.firstIndex(of: old.operationNames[$0]) }
            caller = caller.flatMap { runtime.callers.names.firstIndex(of: old.callers.names[$0]) }
        }
        requests.count(
            route: route, caller: caller, origin: origin, status: status, nanoseconds: Clock.monotonicNanoseconds() &- exchange.start)
    }

    // MARK: - Scratch

    /// A byte array whose room is used again and again; give it back with `returnScratch`.
    func takeScratch() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &scratch)
        return taken
    }

    /// Hand it over with `consume`: a second reference would make the array give up its room.
    func returnScratch(_ array: consuming [UInt8]) {
        array.removeAll(keepingCapacity: true)
        scratch = array
    }

    func dateText() -> [UInt8] { date.at(Clock.wallMilliseconds() / 1000) }

    // MARK: - Time

    /// The clock ticks only while there is somebody to look after, so an idle sidecar sleeps.
    func connectionCameOrWent() {
        if connections.isEmpty, ticks != nil, allPools.allSatisfy({ !$0.needsTicks }) {
            ticks?.cancel()
            ticks = nil
        } else if ticks == nil, !connections.isEmpty || allPools.contains(where: \.needsTicks) {
            let interval = TimeAmount.nanoseconds(Int64(tickNanoseconds))
            let bound = NIOLoopBound(self, eventLoop: loop)
            nextTick = Clock.monotonicNanoseconds() &+ tickNanoseconds
            ticks = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value.tick() }
        }
    }

    private func rearmTicks() {
        ticks?.cancel()
        ticks = nil
        connectionCameOrWent()
    }

    private func tick() {
        let now = Clock.monotonicNanoseconds()
        delay.add(now > nextTick ? now &- nextTick : 0)
        connections.visit { $0.tick(now: now) }
        for pool in pools { pool.tick(now: now) }
        for pool in retired { pool.tick(now: now) }
        retired.removeAll { !$0.needsTicks }
        // The delay is counted from the end of this.
        nextTick = Clock.monotonicNanoseconds() &+ tickNanoseconds
        connectionCameOrWent()
    }

    // MARK: - Drain

    /// No new requests on open connections: idle ones close, busy ones close with their answer.
    func drain() {
        isDraining = true
        isClosing = true
        connections.visit { $0.drain() }
    }

    /// A listener is gone: its connections end as in a drain.
    func retire(_ bind: BindAddress) {
        connections.visit { if $0.bind == bind { $0.retire() } }
    }

    /// Time is up: what is still under way is ended, and recorded as such.
    func abandon() {
        isAbandoned = true
        for pool in allPools { pool.abandon() }
    }
}

/// A caller's connection as its event loop sees it.
protocol DownstreamConnection: AnyObject {
    var worker: Worker { get }
    /// Position in the table; -1 when it is in none.
    var tableIndex: Int { get set }
    /// Of the listener through which it came.
    var bind: BindAddress { get }
    func tick(now: UInt64)
    func drain()
    /// As a drain, of this connection alone.
    func retire()
}

/// All callers' connections of one event loop.
final class ConnectionTable {
    private var connections: [any DownstreamConnection] = []

    var count: Int { connections.count }
    var isEmpty: Bool { connections.isEmpty }

    func add(_ connection: any DownstreamConnection) {
        connection.tableIndex = connections.count
        connections.append(connection)
        connection.worker.connectionCameOrWent()
        if connection.worker.isClosing { connection.drain() }
    }

    func remove(_ connection: any DownstreamConnection) {
        guard connection.tableIndex >= 0 else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.tableIndex] = last
            last.tableIndex = connection.tableIndex
        }
        connection.tableIndex = -1
        connection.worker.connectionCameOrWent()
    }

    /// Works on a copy: what is called may close and so remove connections.
    func visit(_ body: (any DownstreamConnection) -> Void) {
        for connection in connections { body(connection) }
    }
}

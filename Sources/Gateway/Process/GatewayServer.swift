import GatewayConfig
import GatewayCore
import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

/// The whole gateway of a process: event loops with their workers, listeners, admin listener and audit trail; start, reload, drain.
public final class GatewayServer: Sendable {
    let group: MultiThreadedEventLoopGroup
    let workers: WorkerTable
    let inherited: InheritedSockets
    let state: ServerState
    let logger: Logger
    private let reloads = Turns()
    let control: FreezeControl

    /// Where callers are served: `127.0.0.1:8080`, `unix:/run/gateway.sock`, in the order of the configuration.
    public var addresses: [String] { get async { await state.listeners.map(\.address) } }
    /// Where operators look; nil without `admin` in the configuration.
    public var adminAddress: String? { get async { await state.admin?.address } }

    private init(
        group: MultiThreadedEventLoopGroup, workers: WorkerTable, state: ServerState, inherited: InheritedSockets, logger: Logger
    ) {
        self.group = group
        self.inherited = inherited
        self.workers = workers
        self.state = state
        self.logger = logger
        control = FreezeControl(state.freeze, workers: workers, state: state, logger: logger)
    }

    /// Starts everything, or nothing: what was begun is undone when a later step fails.
    ///
    /// - Parameter inherited: sockets of a service manager, taken by the listeners whose addresses they are bound to.
    /// - Throws: `StartError`.
    public static func start(
        _ settings: Settings, inherited: InheritedSockets = .none, logger: Logger
    ) async throws -> GatewayServer {
        // A loop without a connection of its own to spend could serve nobody.
        let fewest = settings.upstreams.map(\.maxConnections).min() ?? 1
        let count = max(1, min(System.coreCount, fewest))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        let loops = Array(group.makeIterator())
        do {
            let trail = try openTrail(settings, previous: nil, logger: logger)
            let store = try openStore(settings, previous: nil, loops: loops, logger: logger)
            let runtime = try makeRuntime(settings, previous: nil, trail: trail, home: loops[0], store: store, logger: logger)
            await store?.connect()
            let history = TrafficShare()
            // Before anything is served; what cannot be read counts as frozen.
            let frozen = settings.freezePath.flatMap { FreezeFile(path: $0).load(nowMilliseconds: Clock.wallMilliseconds()) }
            if let frozen { logger.warning("frozen", metadata: ["cause": .string(frozen.sentence)]) }
            let freeze = FreezeSwitch(frozen)
            var bound: [NIOLoopBound<Worker>] = []
            for (index, loop) in loops.enumerated() {
                bound.append(
                    try await loop.submit {
                        NIOLoopBound(
                            try Worker(
                                index: index, of: count, loop: loop, runtime: runtime, log: GatewayLog(logger), history: history,
                                freeze: freeze),
                            eventLoop: loop)
                    }.get())
            }
            let workers = WorkerTable(bound, loops: loops, history: history)
            let state = ServerState(runtime: runtime, loops: count, freeze: freeze)
            let server = GatewayServer(
                group: group, workers: workers, state: state, inherited: inherited, logger: logger)
            try await server.listen(settings)
            return server
        } catch {
            try? await group.shutdownGracefully()
            throw error as? StartError ?? StartError("cannot start: \(error)", exitCode: 69)
        }
    }

    private func listen(_ settings: Settings) async throws {
        logger.info("HTTP/2 library", metadata: ["version": .string(HTTP2Library.summary)])
        let runtime = await state.runtime
        warn(of: runtime)
        do {
            // First, so that /startup can tell of the rest.
            if let admin = settings.admin {
                let opened = try await AdminServer.open(
                    admin, group: group, source: AdminSource(workers: workers, state: state, control: control),
                    inherited: inherited.descriptor(for: admin.bind))
                await state.set(admin: opened)
                logger.info("admin listening", metadata: ["address": .string(opened.address)])
            }
            for (position, listener) in settings.listeners.enumerated() {
                await state.add(try await open(listener, at: position, under: runtime))
            }
        } catch {
            for listener in await state.listeners { await listener.close() }
            await state.admin?.close()
            throw error
        }
        await ship()
        await follow()
        runtime.giveClocks(to: runtime.credentials.values)
        for keeper in runtime.credentials.values where runtime.usesCredentials(keeper.settings.name) { keeper.start() }
        // What can be had at once is there before the first request; a source that fails makes the gateway not ready, not dead.
        await CredentialKeeper.waitForFirst(of: Array(runtime.credentials.values), milliseconds: 1000)
        let binds = settings.listeners.map(\.bind) + [settings.admin?.bind].compactMap(\.self)
        for entry in inherited.unused(by: binds) {
            logger.warning("an inherited socket is bound to no address of the configuration", metadata: ["name": .string(entry.name)])
        }
        await state.becomeReady()
        logger.info("ready")
        ServiceNotifier.shared?.ready()
    }

    // MARK: - Reload

    /// One configuration is taken at a time, in the order in which they came.
    func inTurn<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await reloads.take(body)
    }

    /// Takes a new configuration without dropping a request: validated and made ready first, then handed to each loop.
    ///
    /// - Throws: `StartError`; the old configuration stays in force then.
    func replace(with settings: Settings) async throws {
        let old = await state.runtime
        let trail = try Self.openTrail(settings, previous: old, logger: logger)
        let oldStore = old.limiter.shared?.store
        let store: SharedLimitStore?
        let runtime: GatewayRuntime
        do {
            store = try Self.openStore(settings, previous: oldStore, loops: workers.loops, logger: logger)
            runtime = try Self.makeRuntime(
                settings, previous: old, trail: trail, home: workers.loops[0], store: store, logger: logger)
            try await startKeepers(of: runtime, previous: old)
        } catch {
            // Nobody uses the new file; its lock must not stand in the way of the next attempt.
            if let trail, trail !== old.trail { await Self.close(trail) }
            throw error
        }
        if store !== oldStore { await store?.connect() }
        let plan = ListenerPlan(open: await state.listeners.map(\.settings), wanted: settings.listeners)
        do {
            try await openListeners(plan.added, under: runtime)
        } catch {
            if store !== oldStore { store?.close() }
            for (name, keeper) in runtime.credentials where old.credentials[name] !== keeper { keeper.stop() }
            if let trail, trail !== old.trail { await Self.close(trail) }
            throw error
        }
        _ = try await workers.onEach { try $0.adopt(runtime) }
        await state.replace(runtime)
        runtime.giveClocks(to: runtime.credentials.values)
        for (name, keeper) in old.credentials where runtime.credentials[name] !== keeper { keeper.stop() }
        for (position, listener) in await state.listeners.enumerated() {
            if let found = runtime.listener(listener.settings, at: position) { listener.gate.adopt(found.settings.limits) }
        }
        warn(of: runtime)
        await closeListeners(plan.removed)
        for note in plan.needingRestart { logger.warning("\(note): takes effect at the next start") }
        if settings.admin != old.settings.admin { logger.warning("admin changed: takes effect at the next start") }
        // Requests that still run under the old configuration are limited without its store from here on.
        if store !== oldStore { oldStore?.close() }
        if let oldTrail = old.trail, oldTrail !== trail { await retire(oldTrail, of: old) }
        await control.adopt(settings.freezePath.map { FreezeFile(path: $0) })
        await ship()
        await follow()
    }

    /// New credentials are fetched before anything depends on them: a source that gives none is a mistake in the new configuration.
    private func startKeepers(of runtime: GatewayRuntime, previous: GatewayRuntime) async throws {
        let new = runtime.credentials.values.filter {
            runtime.usesCredentials($0.settings.name)
                && (previous.credentials[$0.settings.name] !== $0 || !previous.usesCredentials($0.settings.name))
        }
        runtime.giveClocks(to: runtime.credentials.values.filter { previous.credentials[$0.settings.name] !== $0 })
        for keeper in new { keeper.start() }
        await CredentialKeeper.waitForFirst(of: new, milliseconds: 10_000)
        let now = Clock.wallMilliseconds()
        guard let failed = new.map({ $0.status(now: now) }).first(where: { !$0.isUsable }) else { return }
        for keeper in new where previous.credentials[keeper.settings.name] !== keeper { keeper.stop() }
        throw StartError("credentials.\(failed.name): \(failed.problem ?? "nothing was fetched in time")")
    }

    /// Exchanges under way owe their outcomes to the file of their own configuration, and each holds that configuration: the file is closed when
    /// nobody holds it any more, or when the process ends.
    private func retire(_ trail: AuditTrail, of runtime: GatewayRuntime) async {
        await state.add(retired: trail)
        Task { [weak runtime, workers, state] in
            while runtime != nil { try? await Task.sleep(nanoseconds: 50_000_000) }
            _ = try? await workers.onEach { $0.lane.flush() }
            await Self.close(trail)
            await state.remove(retired: trail)
        }
    }

    /// Goes on in the files that the configuration names now (log rotation).
    public func reopenFiles() async {
        await state.runtime.trail?.reopen()
    }

    // MARK: - Drain

    /// The contract's two phases: not ready at once, still accepting for `drain.delay`; then no new connections, and what is under way may
    /// take `drain.timeout`. A cancelled drain waits for nothing more: what is under way is ended, answered and recorded.
    public func drain() async {
        let settings = await state.beginDrain()
        let underWay = await exchangesUnderWay()
        logger.info("draining", metadata: ["exchanges": .stringConvertible(underWay)])
        ServiceNotifier.shared?.stopping()
        for listener in await state.listeners { await listener.giveWay() }
        // Whoever asks there from now on is to see the successor.
        if let admin = await state.admin, admin.isShared { await admin.close() }
        _ = try? await workers.onEach { $0.isDraining = true }
        try? await Task.sleep(nanoseconds: settings.delayNanoseconds)
        for listener in await state.listeners { await listener.close() }
        _ = try? await workers.onEach { $0.drain() }
        let end = Clock.monotonicNanoseconds() &+ settings.timeoutNanoseconds
        // Whoever waits for a turn that cannot come in time is told now.
        await state.runtime.limiter.drain(until: end)
        let grace = Clock.monotonicNanoseconds() &+ Self.handshakeNanoseconds
        var left = await exchangesUnderWay(withHandshakes: true)
        while left > 0, Clock.monotonicNanoseconds() < end, !Task.isCancelled {
            try? await Task.sleep(nanoseconds: 10_000_000)
            left = await exchangesUnderWay(withHandshakes: Clock.monotonicNanoseconds() < grace)
        }
        // Not a part of this task, whose cancellation must not reach it: outcomes are written in any case.
        let isCutShort = Task.isCancelled
        await Task { [left] in await finish(exchanges: left, isCutShort: isCutShort) }.value
    }

    private func finish(exchanges left: Int, isCutShort: Bool) async {
        if left > 0 {
            let reason = isCutShort ? "drain cut short, requests are ended" : "drain time is up, requests are ended"
            logger.warning("\(reason)", metadata: ["exchanges": .stringConvertible(left)])
            _ = try? await workers.onEach { $0.abandon() }
            // Their answers and outcomes need a turn of their loops.
            for _ in 0..<20 where await exchangesUnderWay() > 0 { try? await Task.sleep(nanoseconds: 10_000_000) }
        }
        await stop()
        logger.info("stopped")
    }

    /// Ends now: flushes the audit trail and stops the loops.
    public func stop() async {
        for keeper in await state.runtime.credentials.values { keeper.stop() }
        for listener in await state.listeners { await listener.close() }
        await state.admin?.close()
        await state.follower?.stop()
        await state.runtime.limiter.shared?.store.close()
        _ = try? await workers.onEach { $0.lane.flush() }
        for trail in await state.retiredTrails { await Self.close(trail) }
        if let trail = await state.runtime.trail { await Self.close(trail) }
        if let shipping = await state.shipping { await Self.close(shipping) }
        workers.close()
        try? await group.shutdownGracefully()
    }

    private static let handshakeNanoseconds: UInt64 = 1_000_000_000

    private func exchangesUnderWay(withHandshakes: Bool = false) async -> Int {
        (try? await workers.onEach { $0.exchanges + $0.closingConnections + (withHandshakes ? $0.handshakes : 0) })?.reduce(0, +) ?? 0
    }

    // MARK: - Parts

    /// What is doubtful about the policy and the certificates, though not wrong.
    private func warn(of runtime: GatewayRuntime) {
        for route in runtime.settings.routes where route.mode == .report {
            logger.warning("policy is reported, not enforced", metadata: ["operation": .string(route.operation)])
        }
        for (listener, context) in zip(runtime.settings.listeners, runtime.listenerTLS) {
            for warning in context?.warnings ?? [] {
                logger.warning("certificates", metadata: ["listener": .string("\(listener.bind)"), "note": .string(warning)])
            }
        }
    }

    private static func openTrail(_ settings: Settings, previous: GatewayRuntime?, logger: Logger) throws(StartError) -> AuditTrail? {
        guard let rule = settings.audit else { return nil }
        if let fault = AuditShipping.fault(in: rule.ship) { throw StartError("audit.ship: \(fault)", exitCode: 78) }
        if let previous, let old = previous.settings.audit, old.path == rule.path {
            // One file has one writer, which keeps the way of writing that it was opened with.
            if !old.isSame(as: rule) { logger.warning("audit settings changed for the same file: they take effect at the next start") }
            return previous.trail
        }
        do {
            return try AuditTrail(rule: rule, instance: hostName()) { event in
                switch event {
                case .statusChanged(.writable): logger.info("audit trail writable")
                case .statusChanged(.unwritable(let reason)): logger.error("audit trail not writable", metadata: ["cause": .string(reason)])
                case .noted(let text): logger.warning("audit trail", metadata: ["note": .string(text)])
                case .reopened: logger.info("audit trail reopened")
                case .reopeningFailed(let error): logger.error("audit trail not reopened", metadata: ["cause": .string("\(error)")])
                case .rotated: logger.info("audit trail rotated")
                case .rotationFailed(let error): logger.error("audit trail not rotated", metadata: ["cause": .string("\(error)")])
                case .archivingFailed(let path, let error):
                    logger.error("rotated audit file not compressed", metadata: ["file": .string(path), "cause": .string("\(error)")])
                case .checkpointNotSaved(let path, let error):
                    logger.error("audit checkpoint not saved", metadata: ["file": .string(path), "cause": .string("\(error)")])
                }
            }
        } catch {
            throw StartError("audit.file.path: \(error)", exitCode: error.exitCode)
        }
    }

    /// The store of the configuration; the one that is connected already where nothing about it has changed.
    private static func openStore(
        _ settings: Settings, previous: SharedLimitStore?, loops: [any EventLoop], logger: Logger
    ) throws(StartError) -> SharedLimitStore? {
        guard let wanted = settings.limitStore else { return nil }
        if let previous, previous.settings == wanted { return previous }
        return try SharedLimitStore(settings: wanted, loops: loops, logger: logger)
    }

    private static func makeRuntime(
        _ settings: Settings, previous: GatewayRuntime?, trail: AuditTrail?, home: any EventLoop, store: SharedLimitStore?, logger: Logger
    ) throws(StartError) -> GatewayRuntime {
        var callers = settings.callers?.map(\.name) ?? ["local"]
        if settings.reportsUnknownCallers { callers.append(CallerTable.unrecognised) }
        let plan: LimitPlan
        do {
            plan = try LimitPlan(
                rules: settings.limits, routes: settings.routes, upstreams: settings.upstreams.map(\.name), callers: callers)
        } catch { throw StartError("limits: \(error)") }
        let limiter = Limiter(plan: plan, inheriting: previous?.limiter, home: home, store: store, now: Clock.monotonicNanoseconds())
        return try GatewayRuntime(
            settings: settings, previous: previous, trail: trail,
            credentials: CredentialKeeper.keepers(for: settings.credentials, inheriting: previous?.credentials ?? [:], logger: logger),
            limiter: limiter, throttles: ThrottleAnswers(plan: plan))
    }

    private static func close(_ trail: AuditTrail) async {
        // Joins the writer's thread, so not on an event loop.
        _ = try? await NIOThreadPool.singleton.runIfActive { trail.close() }
    }

    private static func close(_ shipping: AuditShipping) async {
        // Waits for its threads.
        _ = try? await NIOThreadPool.singleton.runIfActive { shipping.close() }
    }

    /// Has the records copied to the places that the configuration names; where those have not changed, nothing happens.
    private func ship() async {
        let old = await state.shipping
        let runtime = await state.runtime
        var new: AuditShipping?
        if let trail = runtime.trail, let rule = runtime.settings.audit {
            let shipping =
                if let old, old.positions === trail.positions { old } else {
                    AuditShipping(path: rule.path, positions: trail.positions, observer: AuditShipping.logging(to: logger))
                }
            for destination in shipping.apply(rule.ship) {
                logger.error(
                    "audit records are not shipped: no thread or descriptor is left", metadata: ["destination": .string("\(destination)")])
            }
            new = shipping
        }
        await state.set(shipping: new)
        if let old, old !== new { await Self.close(old) }
    }

    /// Has the page's Deletion queue follow the trail; where nobody can look at it, nothing is read.
    private func follow() async {
        let old = await state.follower
        let runtime = await state.runtime
        guard await state.admin != nil, let trail = runtime.trail, let rule = runtime.settings.audit else {
            old?.stop()
            return await state.set(follower: nil)
        }
        if let old, old.positions === trail.positions { return }
        old?.stop()
        let follower = TrailFollower(path: rule.path, positions: trail.positions)
        if follower == nil { logger.error("the Deletion queue is not followed: no thread or descriptor is left") }
        await state.set(follower: follower)
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

import GatewayCore
import Logging
import NIOCore

/// What became of a freeze or a thaw.
enum FreezeOutcome: Sendable, Equatable {
    /// In force from here on. `underWay`: requests that had left before and whose answers have not come yet.
    case frozen(Freeze, underWay: Int)
    case alreadyFrozen(Freeze, underWay: Int)
    /// In force, but a restart would forget it; in words.
    case frozenButNotKept(Freeze, String)
    case thawed(Freeze)
    case notFrozen
    /// Still frozen; in words.
    case notThawed(String)
}

/// Freezes and thaws, one after the other.
actor FreezeControl {
    private let freezeSwitch: FreezeSwitch
    private let workers: WorkerTable
    private let state: ServerState
    private let logger: Logger
    private var last: Task<FreezeOutcome, Never>?

    /// How long an answer waits for requests that had left before.
    private static let patienceNanoseconds: UInt64 = 5_000_000_000

    init(_ freezeSwitch: FreezeSwitch, workers: WorkerTable, state: ServerState, logger: Logger) {
        self.freezeSwitch = freezeSwitch
        self.workers = workers
        self.state = state
        self.logger = logger
    }

    func freeze(_ freeze: Freeze) async -> FreezeOutcome { await inTurn { await self.carryOut(freeze) } }

    func thaw(_ command: Freeze) async -> FreezeOutcome { await inTurn { await self.carryOutThaw(command) } }

    /// A command that freezes nothing and still belongs into the trail.
    func note(action: String, _ command: Freeze) async { _ = await record(action, command) }

    /// A configuration that keeps freezes elsewhere shall find this one there.
    func adopt(_ file: FreezeFile?) async {
        guard let file, let freeze = freezeSwitch.freeze, file.load(nowMilliseconds: freeze.sinceMilliseconds) == nil else { return }
        do { try await Self.offLoop { () throws(FreezeFile.Failure) in try file.save(freeze) } } catch {
            logger.error(
                "the freeze cannot be kept in its new place", metadata: ["file": .string(file.path), "cause": .string("\(error)")])
        }
    }

    private func inTurn(_ body: @escaping @Sendable () async -> FreezeOutcome) async -> FreezeOutcome {
        let previous = last
        let mine = Task {
            _ = await previous?.value
            return await body()
        }
        last = mine
        return await mine.value
    }

    /// The order: stop first, keep it second, then see those off that had left, and tell the trail.
    private func carryOut(_ wanted: Freeze) async -> FreezeOutcome {
        let earlier = freezeSwitch.freeze
        let freeze = earlier ?? wanted
        freezeSwitch.set(freeze)
        if earlier == nil { logger.warning("frozen", metadata: Self.metadata(freeze)) }
        var problem: String?
        if let file = await file() {
            do { try await Self.offLoop { () throws(FreezeFile.Failure) in try file.save(freeze) } } catch {
                problem = "\(file.path): \(error)"
            }
        } else {
            problem = "neither admin.stateFile nor an audit file is configured"
        }
        let underWay = await seeOff()
        if earlier == nil, let failure = await record("freeze", freeze) {
            logger.error("the freeze is in force, but not in the audit trail", metadata: ["cause": .string(failure)])
        }
        if let problem {
            logger.error("the freeze is in force, but a restart would forget it", metadata: ["cause": .string(problem)])
            return .frozenButNotKept(freeze, problem)
        }
        return earlier == nil ? .frozen(freeze, underWay: underWay) : .alreadyFrozen(freeze, underWay: underWay)
    }

    /// The order: the trail first, for no thaw goes without its record; then the file; then the calls.
    private func carryOutThaw(_ command: Freeze) async -> FreezeOutcome {
        guard let freeze = freezeSwitch.freeze else { return .notFrozen }
        if let failure = await record("thaw", command) { return .notThawed("the audit record cannot be written: \(failure)") }
        if let file = await file() {
            do { try await Self.offLoop { () throws(FreezeFile.Failure) in try file.remove() } } catch {
                _ = await record("freeze", freeze)
                return .notThawed("\(file.path) cannot be removed: \(error)")
            }
        }
        freezeSwitch.set(nil)
        _ = try? await workers.onEach { _ in }
        logger.warning("thawed", metadata: Self.metadata(command))
        return .thawed(freeze)
    }

    /// Waits until no loop goes by the old value, and for a while until what had left is answered.
    private func seeOff() async -> Int {
        let end = Clock.monotonicNanoseconds() &+ Self.patienceNanoseconds
        while true {
            let underWay = (try? await workers.onEach { $0.destructiveUnderWay })?.reduce(0, +) ?? 0
            if underWay == 0 || Clock.monotonicNanoseconds() > end { return underWay }
            try? await Task.sleep(nanoseconds: 5_000_000)
        }
    }

    private func file() async -> FreezeFile? { await state.runtime.settings.freezePath.map { FreezeFile(path: $0) } }

    /// Nil when it is in the trail, or there is none.
    private func record(_ action: String, _ command: Freeze) async -> String? {
        guard let trail = await state.runtime.trail else { return nil }
        return await withCheckedContinuation { continuation in
            workers.withFirst { worker in
                let now = Clock.wallMilliseconds()
                var entry = AuditEntry(stage: .admin, timeMilliseconds: now, id: worker.ids.next(wallMilliseconds: now)[...])
                entry.source = Array(command.source.utf8)
                entry.method = Array("POST".utf8)[...]
                entry.target = Array("/\(action)".utf8)[...]
                entry.admin = AuditAdminAction(action: action, by: command.by, reason: command.reason)
                let waiter = AdminRecordWaiter { continuation.resume(returning: $0) }
                switch worker.lane.append(entry, to: trail, waiter: waiter) {
                case .accepted: waiter.auditWritten()
                case .pending: break
                case .refused(let reason): waiter.auditFailed(reason)
                }
            }
        }
    }

    private static func offLoop(_ body: @escaping @Sendable () throws(FreezeFile.Failure) -> Void) async throws {
        try await Task.detached { try body() }.value
    }

    private static func metadata(_ freeze: Freeze) -> Logger.Metadata {
        ["by": .string(freeze.by), "source": .string(freeze.source), "reason": .string(freeze.reason)]
    }
}

/// Lives on one event loop, and is told once.
private final class AdminRecordWaiter: AuditWaiter {
    private let tell: (String?) -> Void

    init(_ tell: @escaping (String?) -> Void) { self.tell = tell }

    func auditWritten() { tell(nil) }
    func auditFailed(_ reason: String) { tell(reason) }
}

import GatewayConfig
import GatewayCore
import Glibc
import Logging
import Synchronization

/// The credentials of one name, kept fresh: a thread fetches them before they are needed, one fetch at a time, and event loops take what is there.
///
/// Credentials that are written in the configuration need no thread: a reload brings new ones.
final class CredentialKeeper: Sendable {
    let settings: CredentialSettings
    private let others: [String: CredentialSettings]
    private let logger: Logger
    private let state: Mutex<State>
    /// Changes with `live`, so that a loop sees with one load that it has the newest.
    private let changes = Atomic<UInt64>(1)
    private let isStopping = Atomic<Bool>(false)
    private let bell: Doorbell?
    /// Of the upstreams that sign with them.
    private let clocks = Mutex<[UpstreamClock]>([])
    private let correctionInForce = Atomic<Int64>(0)

    private struct State {
        var live: LiveCredentials?
        var expiresAt: Int64?
        var problem: String?
        var fetches: UInt64 = 0
        var failures: UInt64 = 0
        var isStarted = false
        var sourceClock: ClockSample?
    }

    /// What operators see.
    struct Status: Sendable, Equatable {
        var name: String
        var kind: String
        /// Milliseconds since 1970; nil where they do not end, or there are none.
        var expiresAt: Int64?
        var isUsable: Bool
        /// Why the last fetch failed; nil where it did not.
        var problem: String?
        var fetches: UInt64
        var failures: UInt64
    }

    /// - Parameter others: all credentials of the configuration, for a role's source.
    init(_ settings: CredentialSettings, others: [String: CredentialSettings], logger: Logger) {
        self.settings = settings
        self.others = others
        self.logger = logger
        if case .fixed = settings.source {
            let source = CredentialSource(settings: settings, others: [:], environment: [:], isCancelled: { false })
            let grant = try? source.fetch()
            state = Mutex(State(live: grant.map { LiveCredentials($0.credentials, usableUntil: nil) }))
            bell = nil
        } else {
            state = Mutex(State(problem: "not fetched yet"))
            bell = Doorbell()
        }
    }

    /// Starts the thread, where it has not begun.
    func start() {
        guard let bell,
            !state.withLock({ state in
                defer { state.isStarted = true }
                return state.isStarted
            })
        else { return }
        bell.arm()
        do throws(BackgroundThread.Failure) {
            pthread_detach(try BackgroundThread.start { [self] in run(bell) })
        } catch {
            note(problem: "no thread is left to fetch them: \(error.words)")
        }
    }

    /// Ends the thread, soon; what a loop has taken stays good until it ends.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        bell?.ring()
    }

    /// Whether it would fetch the same from the same place.
    func serves(_ other: CredentialSettings, others: [String: CredentialSettings]) -> Bool {
        guard settings == other else { return false }
        guard case .assumeRole(let role) = other.source else { return true }
        return self.others[role.source] == others[role.source]
    }

    /// Those that have not changed go on.
    static func keepers(
        for settings: [String: CredentialSettings], inheriting old: [String: CredentialKeeper], logger: Logger
    ) -> [String: CredentialKeeper] {
        settings.mapValues { wanted in
            if let kept = old[wanted.name], kept.serves(wanted, others: settings) { return kept }
            return CredentialKeeper(wanted, others: settings, logger: logger)
        }
    }

    /// Returns once each that has been started has its first credentials or its first failure, or the time is up.
    static func waitForFirst(of keepers: [CredentialKeeper], milliseconds: Int) async {
        for _ in 0..<max(1, milliseconds / 10) {
            if keepers.allSatisfy({ $0.hasTried }) { return }
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
    }

    private var hasTried: Bool { bell == nil || state.withLock { !$0.isStarted || $0.fetches + $0.failures > 0 } }

    /// Judges from now on by the time of these upstreams.
    func follow(_ clocks: [UpstreamClock]) { self.clocks.withLock { $0 = clocks } }

    // MARK: - For event loops

    /// What to add to this machine's time to judge by when they end, in milliseconds.
    var correction: Int64 { correctionInForce.load(ordering: .relaxed) }

    var generation: UInt64 { changes.load(ordering: .acquiring) }

    var live: LiveCredentials? { state.withLock { $0.live } }

    /// - Parameter now: this machine's time, in milliseconds since 1970.
    func status(now: Int64) -> Status {
        let now = now + correction
        return state.withLock { state in
            Status(
                name: settings.name, kind: settings.source.kind, expiresAt: state.expiresAt,
                isUsable: state.live.map { $0.usableUntil.map { now < $0 } ?? true } ?? false, problem: state.problem,
                fetches: state.fetches, failures: state.failures)
        }
    }

    // MARK: - The thread

    private func run(_ bell: Doorbell) {
        var source = CredentialSource(settings: settings, others: others, environment: .process) { [self] in
            isStopping.load(ordering: .relaxed)
        }
        source.correction = { [self] in correction }
        var schedule = CredentialSchedule(now: correctedMilliseconds())
        while !isStopping.load(ordering: .relaxed) {
            let now = correctedMilliseconds()
            guard let due = schedule.nextFetch else {
                wait(bell, milliseconds: 60_000)
                continue
            }
            guard now >= due else {
                // A clock that jumps is noticed within a second.
                wait(bell, milliseconds: min(due - now, 1000))
                continue
            }
            do throws(CredentialFailure) {
                take(try source.fetch(), &schedule)
            } catch {
                schedule.failed(now: correctedMilliseconds(), random: .random(in: 0...UInt64.max))
                if !isStopping.load(ordering: .relaxed) { note(problem: error.words) }
            }
        }
    }

    private func take(_ grant: CredentialGrant, _ schedule: inout CredentialSchedule) {
        if let clock = grant.clock { state.withLock { $0.sourceClock = clock } }
        let isGood = schedule.fetched(
            expiresAt: grant.expiresAt, recheck: grant.recheck, now: correctedMilliseconds(), random: .random(in: 0...UInt64.max))
        guard isGood else { return note(problem: "the source gave credentials that have expired") }
        let isNew = state.withLock { state in
            let before = state.live
            let hadProblem = state.problem != nil
            state.fetches += 1
            state.problem = nil
            // The same key without an end is the same: signing keys derived from it stay.
            if let before, before.credentials == grant.credentials, before.usableUntil == schedule.usableUntil { return false }
            state.live = LiveCredentials(grant.credentials, usableUntil: schedule.usableUntil)
            state.expiresAt = grant.expiresAt
            return hadProblem || before?.credentials.accessKeyID != grant.credentials.accessKeyID
        }
        changes.wrappingAdd(1, ordering: .releasing)
        guard isNew else { return }
        logger.info(
            "credentials fetched",
            metadata: [
                "credentials": .string(settings.name), "accessKeyId": .string(grant.credentials.accessKeyID),
                "expires": .string(grant.expiresAt.map(RFC3339.string) ?? "never"),
            ])
    }

    /// The time of the services that the credentials are for, as far as they have told it.
    private func correctedMilliseconds() -> Int64 {
        let known = clocks.withLock { $0.map(\.known) }
        let correction = ClockSkew.judgement(known, source: state.withLock { $0.sourceClock })
        correctionInForce.store(correction, ordering: .relaxed)
        return Clock.wallMilliseconds() + correction
    }

    private func note(problem: String) {
        let isNews = state.withLock { state in
            state.failures += 1
            defer { state.problem = problem }
            return state.problem != problem
        }
        guard isNews else { return }
        logger.warning("credentials not fetched", metadata: ["credentials": .string(settings.name), "cause": .string(problem)])
    }

    private func wait(_ bell: Doorbell, milliseconds: Int64) {
        var descriptor = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, Int32(clamping: milliseconds))
    }
}

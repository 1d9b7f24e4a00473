import GatewayConfig
import GatewayCore
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Gateway

@Suite("Limit store: the limiter and the store")
struct SharedLimiterTests {
    /// One loop, one limiter, one scripted store. Everything is done on the loop; conditions are awaited, times are not measured.
    private final class Bench: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop: any EventLoop
        let store: SharedLimitStore
        let limiter: Limiter
        let scripted: ScriptedStore

        init(_ rule: LimitRule, onFailure: LimitStoreSettings.FailureRule = .local, script: @escaping ScriptedStore.Script) async throws {
            loop = group.next()
            scripted = try await ScriptedStore(script)
            store = try SharedLimitStore(
                settings: LimitStoreSettings(
                    host: "127.0.0.1", address: .init("127.0.0.1"), port: scripted.port, onStoreFailure: onFailure,
                    timeoutNanoseconds: 300_000_000), loops: [loop], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let plan = try LimitPlan(
                rules: [rule],
                routes: [RouteRule(operation: "Op", method: "DELETE", template: "/a", segments: [], upstream: "up", limits: [rule.name])],
                upstreams: ["up"], callers: ["a"])
            limiter = Limiter(plan: plan, inheriting: nil, home: loop, store: store, now: NIODeadline.now().uptimeNanoseconds)
            await store.connect()
        }

        var remaining: UInt64 {
            limiter.status(now: NIODeadline.now().uptimeNanoseconds).first?.remaining ?? .max
        }

        /// Asks, and gives the decision when it comes; nil where the caller hangs up at once.
        func ask(cancels: Bool = false) async throws -> AdmissionDecision? {
            try await loop.flatSubmit { [self] in
                let promise = loop.makePromise(of: AdmissionDecision?.self)
                let waiter = FutureWaiter(promise)
                let now = loop.now.uptimeNanoseconds
                switch limiter.admit(AdmissionRequest(route: 0, caller: 0, arrival: now), now: now, on: loop, waiter: waiter) {
                case .admitted(let reading): promise.succeed(.admitted(reading))
                case .refused(let refusal): promise.succeed(.refused(refusal))
                case .waiting(let ticket):
                    if cancels {
                        limiter.cancel(ticket)
                        promise.succeed(nil)
                    }
                }
                return promise.futureResult
            }.get()
        }

        func until(_ condition: @Sendable () -> Bool) async throws {
            while !condition() { try await Task.sleep(nanoseconds: 2_000_000) }
        }

        func stop() async throws {
            store.close()
            try await group.shutdownGracefully()
            try await scripted.stop()
        }
    }

    private final class FutureWaiter: AdmissionWaiter {
        let promise: EventLoopPromise<AdmissionDecision?>
        init(_ promise: EventLoopPromise<AdmissionDecision?>) { self.promise = promise }
        func admissionDecided(_ decision: AdmissionDecision) { promise.succeed(decision) }
    }

    private static func rule(burst: UInt64 = 5, maxWait: UInt64 = 0) -> LimitRule {
        LimitRule(
            name: "account", rate: Rate(count: 1, periodNanoseconds: 86_400_000_000_000), burst: burst, scope: .upstream,
            maxWaitNanoseconds: maxWait)
    }

    private static let day = 86_400_000_000

    private static func answer(_ integers: Int...) -> String {
        "*\(integers.count)\r\n" + integers.map { ":\($0)\r\n" }.joined()
    }

    @Test("Admitted, refused: the store has the last word, and nothing stays taken of what it refused", .timeLimit(.minutes(1)))
    func lastWord() async throws {
        let bench = try await Bench(Self.rule()) { number in
            number == 0 ? Self.answer(1, 0, 0, 2 * Self.day, 0) : Self.answer(0, Self.day, 1, 5 * Self.day, 0)
        }
        guard case .admitted(let reading)? = try await bench.ask() else {
            Issue.record("not admitted")
            return
        }
        #expect(reading.remaining == 3)
        guard case .refused(let refusal)? = try await bench.ask() else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.waitNanoseconds == 86_400_000_000_000 && refusal.cause == .exhausted)
        // Now the table knows.
        guard case .refused? = try await bench.ask() else {
            Issue.record("not refused")
            return
        }
        #expect(bench.scripted.questionCount == 2 && bench.remaining == 0)
        try await bench.stop()
    }

    @Test("A store that has forgotten the script is asked again with its text", .timeLimit(.minutes(1)))
    func forgotten() async throws {
        let bench = try await Bench(Self.rule()) { number in
            number == 0 ? "-NOSCRIPT No matching script.\r\n" : Self.answer(1, 0, 0, Self.day, 0)
        }
        guard case .admitted? = try await bench.ask() else {
            Issue.record("not admitted")
            return
        }
        #expect(bench.scripted.questionCount == 2 && bench.scripted.connectionCount == 1)
        #expect(bench.store.snapshot().decidedAlone == 0)
        try await bench.stop()
    }

    @Test("Who hangs up while the store is asked gives its share back, here and there", .timeLimit(.minutes(1)))
    func hangsUp() async throws {
        let bench = try await Bench(Self.rule()) { _ in Self.answer(1, 0, 0, Self.day, 0) }
        #expect(try await bench.ask(cancels: true) == nil)
        // The question, and the return.
        try await bench.until { bench.scripted.questionCount == 2 && bench.remaining == 5 }
        try await bench.stop()
    }

    @Test(
        "Silence, errors and nonsense are decided without the store, and it is tried again", .timeLimit(.minutes(1)),
        arguments: [nil, "-READONLY You can't write against a read only replica.\r\n", "*1\r\n:1\r\n", "nonsense\r\n"] as [String?],
        LimitStoreSettings.FailureRule.allCases)
    func failures(reply: String?, rule: LimitStoreSettings.FailureRule) async throws {
        let bench = try await Bench(Self.rule(), onFailure: rule) { number in number == 0 ? reply : Self.answer(1, 0, 0, 2 * Self.day, 0) }
        let decision = try await bench.ask()
        switch (rule, decision) {
        case (.local, .admitted(let reading)?): #expect(reading.remaining == 4)
        case (.deny, .refused(let refusal)?): #expect(refusal.cause == .storeUnavailable && bench.remaining == 5)
        default: Issue.record("\(String(describing: decision))")
        }
        #expect(bench.store.snapshot().decidedAlone == 1 && bench.store.snapshot().failures.reduce(0) { $0 + $1.count } == 1)
        try await bench.until { bench.store.snapshot().isUp }
        guard case .admitted(let reading)? = try await bench.ask() else {
            Issue.record("not admitted")
            return
        }
        #expect(reading.remaining == 3 && bench.scripted.connectionCount == 2)
        try await bench.stop()
    }

    @Test("A turn that the store names for later is waited for, and given back by who hangs up before it", .timeLimit(.minutes(1)))
    func heldTurn() async throws {
        let long: UInt64 = 600_000_000_000
        let fast = LimitRule(
            name: "account", rate: Rate(count: 10, periodNanoseconds: 1_000_000_000), burst: 1, scope: .upstream, maxWaitNanoseconds: long)
        // Refused at first, as others were first; then its turn: taken for a minute later; then the return.
        let bench = try await Bench(fast) { number in
            switch number {
            case 0: Self.answer(0, 50_000, 1, 50_000, 0)
            case 1: Self.answer(1, 60_000_000, 1, 60_100_000, 0)
            default: Self.answer(1, 0, 0, 0, 0)
            }
        }
        let loop = bench.loop
        let limiter = bench.limiter
        let bound = try await loop.submit { () -> NIOLoopBound<WaitTicket?> in
            let now = loop.now.uptimeNanoseconds
            let admission = limiter.admit(AdmissionRequest(route: 0, caller: 0, arrival: now), now: now, on: loop, waiter: Silent())
            if case .waiting(let ticket) = admission { return NIOLoopBound(ticket, eventLoop: loop) }
            return NIOLoopBound(nil, eventLoop: loop)
        }.get()
        try await bench.until { bench.scripted.questionCount == 2 }
        while try await loop.submit({ bound.value?.holdsTurn != true }).get() { try await Task.sleep(nanoseconds: 2_000_000) }
        try await loop.submit { if let ticket = bound.value { limiter.cancel(ticket) } }.get()
        try await bench.until { bench.scripted.questionCount == 3 }
        try await bench.stop()
    }

    private final class Silent: AdmissionWaiter {
        func admissionDecided(_ decision: AdmissionDecision) {}
    }
}

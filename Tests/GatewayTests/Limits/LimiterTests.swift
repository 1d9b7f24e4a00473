import GatewayCore
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

private let second: UInt64 = 1_000_000_000
private let millisecond: UInt64 = 1_000_000

/// Remembers what it is told; on one loop.
private final class Waiter: AdmissionWaiter {
    var decisions: [AdmissionDecision] = []
    func admissionDecided(_ decision: AdmissionDecision) { decisions.append(decision) }

    var isAdmitted: Bool { if case .admitted? = decisions.first { true } else { false } }
    var refusal: LimitRefusal? { if case .refused(let refusal)? = decisions.first { refusal } else { nil } }
}

private func makePlan(_ rules: [LimitRule], callers: [String] = ["a", "b"]) throws -> LimitPlan {
    let route = RouteRule(
        operation: "Op", method: "DELETE", template: "/r/{id}", segments: [], upstream: "chime", limits: rules.map(\.name))
    return try LimitPlan(rules: rules, routes: [route], upstreams: ["chime"], callers: callers)
}

private func account(_ count: UInt64, burst: UInt64 = 1, maxWait: UInt64 = 250 * millisecond, adaptive: Bool = false) -> LimitRule {
    LimitRule(
        name: "account", rate: Rate(count: count, periodNanoseconds: second), burst: burst, scope: .upstream, maxWaitNanoseconds: maxWait,
        isAdaptive: adaptive)
}

@Suite("Limiter at the edge")
struct LimiterTests {
    /// Two loops in virtual time, of which the first is home.
    private final class Bench {
        let home = EmbeddedEventLoop()
        let other = EmbeddedEventLoop()
        let limiter: Limiter

        init(_ rules: [LimitRule], previous: Limiter? = nil) throws {
            home.advanceTime(by: .seconds(100))
            other.advanceTime(by: .seconds(100))
            limiter = Limiter(plan: try makePlan(rules), inheriting: previous, home: home, now: 100 * second)
        }

        /// A timer that is set keeps the limiter, which keeps the loop.
        deinit { for loop in [home, other] { try? loop.syncShutdownGracefully() } }

        var now: UInt64 { home.now.uptimeNanoseconds }

        func ask(
            _ waiter: Waiter, caller: Int = 0, on loop: EmbeddedEventLoop, attempt: AdmissionRequest.Attempt = .first,
            arrival: UInt64? = nil
        )
            -> Admission
        {
            let request = AdmissionRequest(route: 0, caller: caller, arrival: arrival ?? now, attempt: attempt)
            return limiter.admit(request, now: now, on: loop, waiter: waiter)
        }

        func advance(milliseconds: Int64) {
            home.advanceTime(by: .milliseconds(milliseconds))
            other.advanceTime(by: .milliseconds(milliseconds))
            home.run()
            other.run()
        }
    }

    private func ticket(_ admission: Admission) -> WaitTicket? {
        if case .waiting(let ticket) = admission { ticket } else { nil }
    }

    private func isAdmitted(_ admission: Admission) -> Bool {
        if case .admitted = admission { true } else { false }
    }

    private func refusal(_ admission: Admission) -> LimitRefusal? {
        if case .refused(let refusal) = admission { refusal } else { nil }
    }

    @Test("A request waits for its turn and is told on its own loop, from either loop", arguments: [false, true])
    func waits(isHome: Bool) throws {
        let bench = try Bench([account(10)])
        let loop = isHome ? bench.home : bench.other
        let waiters = (0..<3).map { _ in Waiter() }
        #expect(isAdmitted(bench.ask(waiters[0], on: loop)))
        #expect(ticket(bench.ask(waiters[1], on: loop)) != nil)
        #expect(ticket(bench.ask(waiters[2], caller: 1, on: loop)) != nil)
        bench.advance(milliseconds: 99)
        #expect(waiters[1].decisions.isEmpty)
        bench.advance(milliseconds: 1)
        #expect(waiters[1].isAdmitted && waiters[2].decisions.isEmpty)
        bench.advance(milliseconds: 100)
        #expect(waiters[2].isAdmitted && waiters[1].decisions.count == 1 && waiters[0].decisions.isEmpty)
    }

    @Test("Whose turn is too late is refused: at once on the home loop, a hop later elsewhere")
    func refusedAtOnce() throws {
        let bench = try Bench([account(10)])
        let waiters = (0..<4).map { _ in Waiter() }
        #expect(isAdmitted(bench.ask(waiters[0], on: bench.home)))
        for waiter in waiters[1...2] { #expect(ticket(bench.ask(waiter, on: bench.home)) != nil) }
        #expect(refusal(bench.ask(waiters[3], on: bench.home))?.cause == .queueFull)
        let late = Waiter()
        #expect(ticket(bench.ask(late, on: bench.other)) != nil)
        bench.home.run()
        bench.other.run()
        #expect(late.refusal == LimitRefusal(limit: 0, waitNanoseconds: 300 * millisecond, cause: .queueFull))
    }

    @Test("A caller that hangs up leaves the queue, and the next one has its turn")
    func cancels() throws {
        let bench = try Bench([account(10)])
        let (gone, next) = (Waiter(), Waiter())
        #expect(isAdmitted(bench.ask(Waiter(), on: bench.other)))
        let place = ticket(bench.ask(gone, on: bench.other))
        #expect(ticket(bench.ask(next, on: bench.other)) != nil)
        bench.home.run()
        bench.limiter.cancel(try #require(place))
        bench.advance(milliseconds: 100)
        #expect(next.isAdmitted && gone.decisions.isEmpty)
        #expect(bench.limiter.status(now: bench.now).map(\.waiting) == [0])
    }

    @Test("A turn that comes while the caller hangs up is given back, and the next one has it at once")
    func cancelsTooLate() throws {
        let bench = try Bench([account(10)])
        let (gone, next) = (Waiter(), Waiter())
        #expect(isAdmitted(bench.ask(Waiter(), on: bench.other)))
        let place = ticket(bench.ask(gone, on: bench.other))
        #expect(ticket(bench.ask(next, on: bench.other)) != nil)
        // The home loop has decided; the news is still on its way to the other loop when the caller goes.
        bench.home.advanceTime(by: .milliseconds(100))
        bench.limiter.cancel(try #require(place))
        bench.other.advanceTime(by: .milliseconds(100))
        bench.home.run()
        bench.other.run()
        #expect(gone.decisions.isEmpty && next.isAdmitted)
    }

    @Test("A retry takes a turn of its own, an interval later, and only within maxWait")
    func retries() throws {
        let bench = try Bench([account(10, burst: 5)])
        let arrival = bench.now
        let waiter = Waiter()
        #expect(isAdmitted(bench.ask(waiter, on: bench.other)))
        #expect(ticket(bench.ask(waiter, on: bench.other, attempt: .retry, arrival: arrival)) != nil)
        bench.advance(milliseconds: 99)
        #expect(waiter.decisions.isEmpty)
        bench.advance(milliseconds: 1)
        #expect(waiter.isAdmitted)
        bench.advance(milliseconds: 100)
        #expect(refusal(bench.ask(waiter, on: bench.other, attempt: .retry, arrival: arrival))?.cause == .upstreamThrottled)
        let gone = Waiter()
        let place = ticket(bench.ask(gone, on: bench.other, attempt: .retry))
        bench.limiter.cancel(try #require(place))
        bench.advance(milliseconds: 300)
        #expect(gone.decisions.isEmpty)
    }

    @Test("A route without a waiting limit of its upstream never retries")
    func noRetry() throws {
        for rules in [[], [account(10, maxWait: 0)]] {
            let bench = try Bench(rules)
            #expect(refusal(bench.ask(Waiter(), on: bench.other, attempt: .retry))?.waitNanoseconds == second)
        }
    }

    @Test("A drain decides everybody: in turn until the end, refused at once after it")
    func drains() throws {
        let bench = try Bench([account(10, maxWait: 10 * second)])
        let waiters = (0..<5).map { _ in Waiter() }
        for waiter in waiters { _ = bench.ask(waiter, on: bench.other) }
        bench.home.run()
        bench.limiter.drain(until: bench.now + 200 * millisecond)
        bench.home.run()
        bench.other.run()
        #expect(waiters[3].refusal?.cause == .draining && waiters[4].refusal?.cause == .draining)
        bench.advance(milliseconds: 200)
        #expect(waiters[1].isAdmitted && waiters[2].isAdmitted)
    }

    @Test("A reload goes on counting, and a drain reaches those who wait in the limiter before it")
    func reload() throws {
        let old = try Bench([account(10, burst: 3, maxWait: 10 * second)])
        for _ in 0..<3 { #expect(isAdmitted(old.ask(Waiter(), on: old.home))) }
        let waiting = Waiter()
        #expect(ticket(old.ask(waiting, on: old.home)) != nil)
        let new = try Bench([account(10, burst: 3, maxWait: 0)], previous: old.limiter)
        #expect(refusal(new.ask(Waiter(), on: new.home))?.waitNanoseconds == 100 * millisecond)
        new.limiter.drain(until: new.now)
        new.home.run()
        old.home.run()
        #expect(waiting.refusal?.cause == .draining)
    }

    @Test("Upstream throttles slow everybody down and show in the status with their reason")
    func adapts() throws {
        let bench = try Bench([account(100, burst: 20, adaptive: true)])
        bench.limiter.upstreamThrottled(route: 0, sentAt: bench.now, now: bench.now)
        let status = try #require(bench.limiter.status(now: bench.now + second).first)
        #expect(status.rateInForce == 70 && status.configuredRate == 100 && status.reason == .upstreamThrottled)
        #expect(status.sinceThrottle == second && status.cuts == 1 && status.remaining == 14)
    }

    @Test("Several real loops at 4x overload admit burst + rate x time, everybody is told once", .timeLimit(.minutes(1)))
    func loops() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let home = group.next()
        let start = NIODeadline.now().uptimeNanoseconds
        let limiter = Limiter(
            plan: try makePlan([account(200, burst: 20, maxWait: 50 * millisecond)]), inheriting: nil, home: home, now: start)
        let counts = Counts()
        // A request each 1.25 ms in all, on three loops, for about half a second of their own clocks.
        var ends: [EventLoopFuture<Void>] = []
        for loop in [home, group.next(), group.next()] {
            let done = loop.makePromise(of: Void.self)
            ends.append(done.futureResult)
            loop.execute { Sender(limiter: limiter, loop: loop, counts: counts, left: 133, done: done).send() }
        }
        for end in ends { try end.wait() }
        let elapsed = counts.last.load(ordering: .relaxed) - start
        let admitted = UInt64(counts.admitted.load(ordering: .relaxed))
        let asked = counts.asked.load(ordering: .relaxed)
        #expect(asked == counts.admitted.load(ordering: .relaxed) + counts.refused.load(ordering: .relaxed))
        // However slow the machine is: never more than what the time has earned.
        #expect(admitted <= 20 + elapsed * 200 / second + 1)
        #expect(limiter.status(now: counts.last.load(ordering: .relaxed)).map(\.waiting) == [0])
        try group.syncShutdownGracefully()
    }
}

private final class Counts: Sendable {
    let asked = Atomic<Int>(0)
    let admitted = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let last = Atomic<UInt64>(0)

    func count(isAdmitted: Bool) {
        if isAdmitted { admitted.add(1, ordering: .relaxed) } else { refused.add(1, ordering: .relaxed) }
        last.max(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
    }
}

/// Asks for itself at a steady pace on one loop, and is done when the last of its requests is decided.
private final class Sender: AdmissionWaiter {
    let limiter: Limiter
    let loop: any EventLoop
    let counts: Counts
    var left: Int
    var undecided = 0
    let done: EventLoopPromise<Void>

    init(limiter: Limiter, loop: any EventLoop, counts: Counts, left: Int, done: EventLoopPromise<Void>) {
        self.limiter = limiter
        self.loop = loop
        self.counts = counts
        self.left = left
        self.done = done
    }

    func send() {
        guard left > 0 else { return finishIfDone() }
        left -= 1
        counts.asked.add(1, ordering: .relaxed)
        let now = NIODeadline.now().uptimeNanoseconds
        switch limiter.admit(AdmissionRequest(route: 0, caller: left % 2, arrival: now), now: now, on: loop, waiter: self) {
        case .admitted: counts.count(isAdmitted: true)
        case .refused: counts.count(isAdmitted: false)
        case .waiting: undecided += 1
        }
        loop.assumeIsolated().scheduleTask(in: .microseconds(3750)) { self.send() }
    }

    func admissionDecided(_ decision: AdmissionDecision) {
        undecided -= 1
        if case .admitted = decision { counts.count(isAdmitted: true) } else { counts.count(isAdmitted: false) }
        finishIfDone()
    }

    private func finishIfDone() { if left == 0, undecided == 0 { done.succeed() } }
}

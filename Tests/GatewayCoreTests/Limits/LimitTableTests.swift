import Synchronization
import Testing

@testable import GatewayCore

@Suite("Limit table")
struct LimitTableTests {
    @Test("4x overload for 10 s admits burst + rate x time", arguments: LimitScope.allCases)
    func overload(scope: LimitScope) throws {
        let table = try limitTable([limitRule("account", 10, burst: 20, scope)])
        var admitted = 0
        for step in 0..<400 where table.take(admission(at: 0), now: oneSecond + UInt64(step) * oneSecond / 40).isAdmitted { admitted += 1 }
        #expect(admitted == 20 + 99)
    }

    @Test(
        "Each scope counts what it should together", arguments: zip(LimitScope.allCases, [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]]))
    func scopes(scope: LimitScope, expected: [Int]) throws {
        // Caller a on route 0 uses its one request; then: a on route 1, b on route 0 and b on route 1 try theirs.
        let table = try limitTable([limitRule("l", 1, per: oneDay, burst: 1, scope)], routes: [["l"], ["l"]])
        let now = 5 * oneSecond
        #expect(table.take(admission(route: 0, caller: 0, at: now), now: now).isAdmitted)
        var sameRoute = 0
        var results: [Int] = []
        results.append(table.take(admission(route: 1, caller: 0, at: now), now: now).isAdmitted ? 1 : 0)
        sameRoute = table.take(admission(route: 0, caller: 1, at: now), now: now).isAdmitted ? 1 : 0
        results.append(sameRoute)
        results.append(
            scope == .callerAndRoute ? (table.take(admission(route: 1, caller: 1, at: now), now: now).isAdmitted ? 1 : 0) : sameRoute)
        #expect(results == expected)
    }

    @Test("A refused request consumes nothing anywhere")
    func allOrNone() throws {
        let table = try limitTable([
            limitRule("wide", 100, burst: 100), limitRule("narrow", 1, burst: 1, .caller),
            limitRule("fuse", 500, per: oneDay, burst: 500, .route),
        ])
        let now = 7 * oneSecond
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        let before = table.slots.map { $0.state.load(ordering: .relaxed) }
        for _ in 0..<1000 { #expect(table.take(admission(at: now), now: now).refusal?.limit == 1) }
        #expect(table.slots.map { $0.state.load(ordering: .relaxed) } == before)
        // Another caller still finds everything but the one request.
        guard case .admitted(let reading) = table.take(admission(caller: 1, at: now), now: now) else {
            Issue.record("refused")
            return
        }
        #expect(reading.limit == 1 && reading.remaining == 0 && reading.resetSeconds == 1)
    }

    @Test("The refusal names the limit that takes longest, and the exact nanosecond")
    func exactWait() throws {
        let table = try limitTable([limitRule("seven", 7, burst: 1), limitRule("slow", 1, per: 60 * oneSecond, burst: 1, .caller)])
        let now = 3 * oneSecond
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        #expect(table.take(admission(at: now), now: now).refusal == LimitRefusal(limit: 1, waitNanoseconds: 60 * oneSecond))
        let other = table.take(admission(caller: 1, at: now), now: now).refusal
        #expect(other == LimitRefusal(limit: 0, waitNanoseconds: 142_857_143))
        #expect(!table.take(admission(caller: 1, at: now), now: now + 142_857_142).isAdmitted)
        #expect(table.take(admission(caller: 1, at: now), now: now + 142_857_143).isAdmitted)
    }

    struct Rounding: Sendable {
        var wait: UInt64
        var seconds: UInt64
        var milliseconds: UInt64
    }

    static let roundings = [
        Rounding(wait: 1, seconds: 1, milliseconds: 1), Rounding(wait: oneSecond, seconds: 1, milliseconds: 1000),
        Rounding(wait: oneSecond + 1, seconds: 2, milliseconds: 1001), Rounding(wait: 1_200_000_000, seconds: 2, milliseconds: 1200),
        Rounding(wait: .max, seconds: 18_446_744_074, milliseconds: 18_446_744_073_710),
    ]

    @Test(
        "Retry-After is whole seconds and never early",
        arguments: roundings)
    func rounding(_ row: Rounding) {
        let refusal = LimitRefusal(limit: 0, waitNanoseconds: row.wait)
        #expect(refusal.retryAfterSeconds == row.seconds)
        #expect(refusal.retryAfterMilliseconds == row.milliseconds)
    }

    @Test("What is given back can be taken again, to the tick")
    func giveBack() throws {
        let table = try limitTable([limitRule("a", 7, burst: 3), limitRule("b", 3, burst: 9, .caller)])
        let now = 3 * oneSecond
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        let before = table.slots.map { $0.state.load(ordering: .relaxed) }
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        table.giveBack(admission(at: now))
        #expect(table.slots.map { $0.state.load(ordering: .relaxed) } == before)
    }

    @Test("A retry takes from the upstream's limits only")
    func retry() throws {
        let table = try limitTable([limitRule("account", 10, burst: 10), limitRule("fuse", 1, per: oneDay, burst: 1, .caller)])
        let now = 3 * oneSecond
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        #expect(!table.take(admission(at: now), now: now).isAdmitted)
        #expect(table.take(admission(at: now, attempt: .retry), now: now).isAdmitted)
        #expect(table.slots[0].state.load(ordering: .relaxed) == 3 * oneSecond + 2 * oneSecond / 10)
    }

    @Test("A clock set back an hour costs one interval, not an hour")
    func clockSetBack() throws {
        let table = try limitTable([limitRule("account", 10, burst: 20)])
        let now = 7200 * oneSecond
        for _ in 0..<20 { #expect(table.take(admission(at: now), now: now).isAdmitted) }
        let earlier = now - 3600 * oneSecond
        #expect(table.take(admission(at: earlier), now: earlier).refusal?.waitNanoseconds == oneSecond / 10)
        var admitted = 0
        for step in 0..<400 where table.take(admission(at: 0), now: earlier + UInt64(step) * oneSecond / 40).isAdmitted { admitted += 1 }
        #expect(admitted == 99)
        // And forth again: a burst, no more.
        #expect((0..<100).filter { _ in table.take(admission(at: now), now: now).isAdmitted }.count == 20)
    }

    @Test("A reload keeps every count that still has a meaning")
    func reload() throws {
        let now = 50 * oneSecond
        let old = try limitTable(
            [limitRule("account", 10, burst: 20), limitRule("fuse", 5, per: oneDay, burst: 5, .caller)], callers: ["a", "b"])
        for _ in 0..<5 { #expect(old.take(admission(at: now), now: now).isAdmitted) }
        // Callers and limits have changed places, the account's burst is half, and there is a new limit.
        let changed = try limitPlan(
            [
                limitRule("fuse", 5, per: oneDay, burst: 5, .caller), limitRule("new", 1, burst: 1, .route),
                limitRule("account", 10, burst: 10),
            ], routes: [["account", "fuse"], ["new"]],
            callers: ["b", "c", "a"])
        let new = LimitTable(plan: changed, inheriting: old, now: now)
        #expect(new.take(admission(caller: 2, at: now), now: now).refusal?.limit == 0)
        var admitted = 0
        for _ in 0..<10 where new.take(admission(caller: admitted % 2, at: now), now: now).isAdmitted { admitted += 1 }
        #expect(admitted == 5)
        // A request that still runs under the old table counts against the same fuse.
        old.giveBack(admission(caller: 0, at: now))
        #expect(new.plan.keys.firstIndex { $0.caller == "a" }.map { new.slots[$0] === old.slots[1] } == true)
    }

    @Test("Threads hammering one table admit exactly the burst and what the time has earned", .timeLimit(.minutes(1)))
    func concurrent() async throws {
        let rules = [
            limitRule("account", 1000, burst: 500), limitRule("fair", 7, burst: 200, .caller),
            limitRule("fuse", 450, per: oneDay, burst: 450),
        ]
        for round in 0..<20 {
            let table = try limitTable(rules)
            let base = UInt64(round + 1) * 100 * oneSecond
            let admitted = await withTaskGroup(of: Int.self) { group in
                for caller in 0..<4 {
                    group.addTask {
                        // Callers 0, 1, 2 and again 0: the three share the fuse of 450 and have 200 each.
                        (0..<2000).count { _ in table.take(admission(caller: caller % 3, at: base), now: base).isAdmitted }
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(admitted == 450)
            let account = GCRA(rate: rules[0].rate, burst: 500)
            #expect(table.slots[0].state.load(ordering: .relaxed) == account.ticks(at: base) + 450 * account.interval)
        }
    }

    @Test(
        "Threads on a running clock admit burst + rate x time, though other limits refuse and give back all the time",
        .timeLimit(.minutes(1)))
    func runningClock() async throws {
        // `fair` of each caller is just about what it gets of the account, so that both refuse and race.
        let table = try limitTable(
            [limitRule("account", 7000, burst: 50), limitRule("fair", 1800, burst: 10, .caller)], callers: ["a", "b", "c", "d"])
        let start = 100 * oneSecond
        let clock = SharedClock(start)
        let admitted = await withTaskGroup(of: Int.self) { group in
            for offset in 0..<4 {
                group.addTask {
                    (0..<50_000).count { step in
                        let now = clock.tick(1000)
                        return table.take(admission(caller: (step + offset) % 4, at: now), now: now).isAdmitted
                    }
                }
            }
            return await group.reduce(0, +)
        }
        // 200 ms: the account has 50 + 1400, the callers together 40 + 1440.
        #expect(admitted <= 50 + 1400)
        #expect(admitted >= 1400)
    }

    @Test("No limits, no refusal")
    func unlimited() throws {
        let table = try limitTable([limitRule("a", 1, burst: 1)], routes: [[]])
        for _ in 0..<3 { #expect(table.take(admission(at: 1), now: 1) == .admitted(.unlimited)) }
    }

    @Test("A plan that names what is not there is refused")
    func unknown() {
        #expect(throws: LimitPlanError.unknownLimit(name: "b", route: "DELETE /r0/{id}")) {
            try limitPlan([limitRule("a", 1, burst: 1)], routes: [["b"]])
        }
    }
}

/// A clock that several threads move on.
private final class SharedClock: Sendable {
    private let now: Atomic<UInt64>
    init(_ start: UInt64) { now = Atomic(start) }
    func tick(_ nanoseconds: UInt64) -> UInt64 { now.wrappingAdd(nanoseconds, ordering: .relaxed).newValue }
}

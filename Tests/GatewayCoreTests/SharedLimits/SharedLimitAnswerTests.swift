import Testing

@testable import GatewayCore

@Suite("Shared limits: the store's answer")
struct SharedLimitAnswerTests {
    private static let now = 1000 * oneSecond

    private struct Bench {
        let table: LimitTable
        let shared: SharedLimitPlan

        init(_ rules: [LimitRule]) throws {
            table = try limitTable(rules)
            shared = SharedLimitPlan(plan: table.plan, keyPrefix: "")
        }

        /// Taken here, then settled by what the store said a millisecond later.
        func settle(_ integers: [Int64], hasWaited: Bool = false, arrival: UInt64 = now) throws -> SharedLimitVerdict {
            let request = admission(at: arrival)
            #expect(table.take(request, now: now).isAdmitted)
            let answer = try #require(SharedLimitAnswer(integers, keys: shared.keyCount(request)))
            return table.settle(answer, for: request, under: shared, sentAt: now, now: now + 1_000_000, hasWaited: hasWaited)
        }
    }

    @Test(
        "What is not an answer is none",
        arguments: [
            [], [1], [1, 0, 0], [1, 0, 0, 5], [2, 0, 0, 5, 0], [1, 0, 2, 5, 0], [1, -1, 0, 5, 0], [0, 5, 0, 5, 0], [1, 0, 0, 1 << 53, 0],
        ])
    func malformed(integers: [Int64]) {
        #expect(SharedLimitAnswer(integers, keys: 1) == nil)
    }

    @Test("Admitted: the numbers that the caller sees are the store's")
    func admitted() throws {
        let bench = try Bench([limitRule("account", 10, burst: 20)])
        // 14 others have been admitted elsewhere.
        #expect(
            try bench.settle([1, 0, 0, 1_500_000, 0])
                == .admitted(LimitReading(limit: 0, remaining: 5, resetSeconds: 2), afterNanoseconds: 0))
        #expect(bench.table.status(now: Self.now).map(\.remaining) == [5])
    }

    @Test("Taken for later: the wait is the store's")
    func reserved() throws {
        let bench = try Bench([limitRule("account", 10, burst: 2, maxWait: oneSecond)])
        guard case .admitted(let reading, 150_000_000) = try bench.settle([1, 150_000, 1, 350_000, 0], hasWaited: true) else {
            Issue.record("not admitted")
            return
        }
        #expect(reading.remaining == 0)
    }

    @Test("Refused: nothing stays taken here, the wait is the store's, and the table refuses the next one by itself")
    func refused() throws {
        let bench = try Bench([limitRule("account", 10, burst: 2), limitRule("fair", 5, burst: 10, .caller)])
        let verdict = try bench.settle([0, 80_000, 1, 180_000, 0, 0, 0])
        #expect(verdict == .refused(LimitRefusal(limit: 0, waitNanoseconds: 80_000_000)))
        #expect(bench.table.status(now: Self.now).map(\.remaining) == [0, 10])
        #expect(bench.table.take(admission(caller: 1, at: Self.now), now: Self.now).refusal?.waitNanoseconds == 80_000_000)
        #expect(bench.table.take(admission(at: Self.now), now: Self.now + 80_000_000).isAdmitted)
    }

    @Test("A limit that is lowered here makes the wait longer than the store's")
    func lowered() throws {
        let bench = try Bench([limitRule("account", 10, burst: 2, adaptive: true)])
        bench.table.upstreamThrottled(route: 0, sentAt: Self.now, now: Self.now)
        guard case .refused(let refusal) = try bench.settle([0, 80_000, 1, 180_000, 0]) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.waitNanoseconds > 100_000_000)
    }

    struct Waiting: Sendable {
        var maxWaits: [UInt64]
        var answer: [Int64]
        var hasWaited = false
        var waits: Bool
    }

    @Test(
        "It may wait where every limit that refuses lets it, and once",
        arguments: [
            Waiting(maxWaits: [250, 0], answer: [0, 80_000, 1, 180_000, 0, 0, 0], waits: true),
            Waiting(maxWaits: [50, 0], answer: [0, 80_000, 1, 180_000, 0, 0, 0], waits: false),
            Waiting(maxWaits: [250, 0], answer: [0, 80_000, 2, 0, 0, 180_000, 0], waits: false),
            Waiting(maxWaits: [250, 250], answer: [0, 80_000, 1, 180_000, 0, 150_000, 0], waits: true),
            Waiting(maxWaits: [250, 10], answer: [0, 80_000, 1, 180_000, 0, 150_000, 0], waits: false),
            Waiting(maxWaits: [250, 0], answer: [0, 300_000, 1, 400_000, 0, 0, 0], hasWaited: true, waits: false),
        ])
    func waits(row: Waiting) throws {
        let bench = try Bench([
            limitRule("account", 10, burst: 2, maxWait: row.maxWaits[0] * 1_000_000),
            limitRule("fair", 10, burst: 2, .caller, maxWait: row.maxWaits[1] * 1_000_000),
        ])
        let verdict = try bench.settle(row.answer, hasWaited: row.hasWaited)
        #expect((verdict == .mustWait) == row.waits)
        if case .refused(let refusal) = verdict { #expect(refusal.cause == (row.hasWaited ? .waitExpired : .exhausted)) }
    }

    @Test("A store that does not answer and must: 503 with a reason of its own")
    func unavailable() throws {
        let table = try limitTable([limitRule("account", 10, burst: 20)])
        let refusal = LimitWording(plan: table.plan).refusal(for: table.storeRefusal(for: admission(at: 0)))
        #expect(refusal.kind == .unavailable && refusal.reason == "limit-store/unavailable")
    }
}

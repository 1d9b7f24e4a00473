import Testing

@testable import GatewayCore

@Suite("Shared limits: what the script is given")
struct SharedLimitPlanTests {
    private func arguments(
        _ shared: SharedLimitPlan, _ request: AdmissionRequest, _ table: LimitTable, verb: String = SharedLimitScript.take,
        mayWait: Bool = false, now: UInt64
    ) -> [String] {
        var bytes: [UInt8] = []
        var lengths: [Int] = []
        shared.appendArguments(verb, request, mayWait: mayWait, table: table, now: now, to: &bytes, lengths: &lengths)
        #expect(lengths.reduce(0, +) == bytes.count)
        var rest = bytes[...]
        return lengths.map { length in
            defer { rest = rest.dropFirst(length) }
            return String(decoding: rest.prefix(length), as: UTF8.self)
        }
    }

    @Test("Keys, verb, then eight numbers for each key")
    func take() throws {
        let table = try limitTable([
            limitRule("account", 7, burst: 2, maxWait: 250_000_000), limitRule("fair", 5, burst: 10, .caller),
        ])
        let shared = SharedLimitPlan(plan: table.plan, keyPrefix: "countersign:")
        let now = 1000 * oneSecond
        let found = arguments(shared, admission(caller: 1, at: now), table, now: now)
        #expect(found.prefix(4) == ["2", "countersign:account:upstream=chime", "countersign:fair:caller=b", "take"])
        #expect(found.dropFirst(4).prefix(8) == ["142857", "1", "7", "285714", "2", "1535714", "0", "0"])
        #expect(found.dropFirst(12) == ["200000", "0", "1", "2000000", "0", "3000000", "0", "0"])
        #expect(found.count == 4 + 2 * SharedLimitScript.argumentsPerKey)
    }

    @Test("Whose turn it is may be taken for later, until its own maxWait is over", arguments: [(0, 250_000), (100, 150_000), (300, 0)])
    func allowedWait(milliseconds: UInt64, allowed: Int) throws {
        let table = try limitTable([limitRule("account", 10, burst: 2, maxWait: 250_000_000), limitRule("fair", 5, burst: 10, .caller)])
        let shared = SharedLimitPlan(plan: table.plan, keyPrefix: "")
        let arrival = 1000 * oneSecond
        let found = arguments(shared, admission(at: arrival), table, mayWait: true, now: arrival + milliseconds * 1_000_000)
        #expect(found[10] == "\(allowed)" && found[18] == "0")
    }

    @Test("A store that has forgotten a key is told what is known here, without the request that is being asked for")
    func knownBacklog() throws {
        let table = try limitTable([limitRule("account", 10, burst: 20)])
        let shared = SharedLimitPlan(plan: table.plan, keyPrefix: "")
        let now = 1000 * oneSecond
        for taken in 1...20 as ClosedRange<UInt64> {
            #expect(table.take(admission(at: now), now: now).isAdmitted)
            #expect(arguments(shared, admission(at: now), table, now: now).last == "\((taken - 1) * 100_000)")
        }
        #expect(arguments(shared, admission(at: now), table, now: now + 10 * oneSecond).last == "0")
    }

    @Test("A retry asks for the limits of its upstream alone, and a route without limits for nothing")
    func ranges() throws {
        let table = try limitTable(
            [limitRule("account", 10, burst: 20), limitRule("fair", 5, burst: 10, .caller)], routes: [["account", "fair"], []])
        let shared = SharedLimitPlan(plan: table.plan, keyPrefix: "p:")
        #expect(shared.keyCount(admission(at: 0)) == 2)
        #expect(shared.keyCount(admission(at: 0, attempt: .retry)) == 1)
        #expect(shared.keyCount(admission(route: 1, at: 0)) == 0)
        #expect(arguments(shared, admission(at: 0, attempt: .retry), table, now: 0).prefix(3) == ["1", "p:account:upstream=chime", "take"])
    }

    @Test("No name can read as another's, and none holds a brace or a space")
    func names() throws {
        let rules = [limitRule("a:caller=x", 1, burst: 1, .route), limitRule("b", 1, burst: 1, .callerAndRoute)]
        let plan = try limitPlan(rules, callers: ["c:route=d", "Größe"])
        let names = plan.keys.map(SharedLimitPlan.name)
        #expect(names[0] == "a%3Acaller%3Dx:route=DELETE%20/r0/%7Bid%7D")
        #expect(
            names.dropFirst() == [
                "b:route=DELETE%20/r0/%7Bid%7D:caller=c%3Aroute%3Dd", "b:route=DELETE%20/r0/%7Bid%7D:caller=Gr%C3%B6%C3%9Fe",
            ])
    }
}

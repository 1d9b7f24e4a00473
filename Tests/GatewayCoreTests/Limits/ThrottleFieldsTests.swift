import Testing

@testable import GatewayCore

@Suite("Throttle fields and wording")
struct ThrottleFieldsTests {
    private func lines(_ append: (inout [UInt8]) -> Void) -> [String] {
        var bytes: [UInt8] = []
        append(&bytes)
        #expect(bytes.isEmpty || bytes.suffix(2) == [0x0D, 0x0A])
        return String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
    }

    @Test("The 429 of the contract, field by field")
    func refusal() throws {
        let fields = ThrottleFields(plan: try limitPlan([limitRule("account", 10, burst: 20)]))
        let refusal = LimitRefusal(limit: 0, waitNanoseconds: 1_200_000_000)
        #expect(
            lines { fields.append(refusal, to: &$0) } == [
                "Retry-After: 2", "x-amz-retry-after: 1200", "RateLimit-Policy: \"account\";q=20;w=2", "RateLimit: \"account\";r=0;t=2",
            ])
    }

    @Test("All policies of the route, and the tightest limit")
    func reading() throws {
        let rules = [limitRule("account", 10, burst: 20), limitRule("fuse", 500, per: oneDay, burst: 500, .caller)]
        let table = try limitTable(rules, routes: [["fuse"], ["account", "fuse"], []])
        let fields = ThrottleFields(plan: table.plan)
        let now = 9 * oneSecond
        guard case .admitted(let reading) = table.take(admission(route: 1, at: now), now: now),
            case .admitted(let unlimited) = table.take(admission(route: 2, at: now), now: now)
        else {
            Issue.record("refused")
            return
        }
        #expect(
            lines { fields.append(reading, to: &$0) } == [
                "RateLimit-Policy: \"account\";q=20;w=2, \"fuse\";q=500;w=86400", "RateLimit: \"account\";r=19;t=1",
            ])
        #expect(lines { fields.append(unlimited, to: &$0) }.isEmpty)
    }

    @Test("An upstream's throttle keeps the longer wait, and names the limit that adapts", arguments: [nil, 500_000_000, 7 * oneSecond])
    func upstreamThrottle(wait: UInt64?) throws {
        let rules = [
            limitRule("fair", 100, burst: 100, .caller), limitRule("account", 1, per: 3 * oneSecond, burst: 1, adaptive: true),
        ]
        let table = try limitTable(rules, routes: [["fair", "account"], []])
        let fields = ThrottleFields(plan: table.plan)
        let now = 9 * oneSecond
        let rested = table.upstreamRefusal(for: admission(at: now), upstreamWait: wait, now: now)
        #expect(rested.waitNanoseconds == wait ?? oneSecond && rested.limit == 1 && rested.cause == .upstreamThrottled)
        #expect(table.take(admission(at: now), now: now).isAdmitted)
        let refusal = table.upstreamRefusal(for: admission(at: now), upstreamWait: wait, now: now)
        #expect(refusal.waitNanoseconds == max(3 * oneSecond, wait ?? 0))
        let bare = table.upstreamRefusal(for: admission(route: 1, at: now), upstreamWait: wait, now: now)
        #expect(lines { fields.append(bare, to: &$0) }.map { $0.prefix { $0 != ":" } } == ["Retry-After", "x-amz-retry-after"])
    }

    @Test(
        "The time in which a burst refills, in whole seconds",
        arguments: [
            (limitRule("l", 10, burst: 20), "\"l\";q=20;w=2"), (limitRule("l", 7, burst: 1), "\"l\";q=1;w=1"),
            (limitRule("l", 7, burst: 8), "\"l\";q=8;w=2"), (limitRule("l", 500, per: oneDay, burst: 500), "\"l\";q=500;w=86400"),
            (limitRule("l", 1, per: oneDay, burst: .max), "\"l\";q=999999999999999;w=18446744074"),
            (limitRule("a \"b\\", 1, burst: 1), "\"a \\\"b\\\\\";q=1;w=1"), (limitRule("ä", 1, burst: 1), "\"__\";q=1;w=1"),
        ])
    func policy(rule: LimitRule, expected: String) {
        #expect(String(decoding: policyItem(rule), as: UTF8.self) == expected)
    }

    @Test("Sentences: a limit, a queue, a budget that says when it refills, an upstream, a stop")
    func wording() throws {
        let rules = [limitRule("account", 10, burst: 20, maxWait: oneSecond), limitRule("fuse", 500, per: oneDay, burst: 500, .caller)]
        let wording = LimitWording(plan: try limitPlan(rules))
        let exhausted = wording.refusal(for: LimitRefusal(limit: 0, waitNanoseconds: oneSecond))
        #expect(exhausted.reason == "limit/account" && exhausted.kind == .throttled)
        #expect(exhausted.message.contains("10 per second, bursts of 20, shared by all callers"))
        let queued = wording.refusal(for: LimitRefusal(limit: 0, waitNanoseconds: oneSecond, cause: .queueFull))
        #expect(queued.reason == "limit/account" && queued.message.contains("wait"))
        let fuse = wording.refusal(for: LimitRefusal(limit: 1, waitNanoseconds: 172_800_000_000))
        #expect(fuse.reason == "limit/fuse")
        #expect(fuse.message.contains("budget fuse") && fuse.message.contains("2 min 53 s") && fuse.message.contains("24 h"))
        #expect(wording.refusal(for: LimitRefusal(limit: 0, waitNanoseconds: 1, cause: .upstreamThrottled)).reason == "upstream/throttled")
        #expect(wording.refusal(for: LimitRefusal(limit: 0, waitNanoseconds: 1, cause: .draining)).kind == .unavailable)
    }

    @Test("The status names every key that limits something")
    func status() throws {
        let rules = [limitRule("account", 10, burst: 20), limitRule("fair", 5, burst: 10, .callerAndRoute)]
        let table = try limitTable(rules)
        let now = 9 * oneSecond
        #expect(table.status(now: now).map(\.limit) == ["account"])
        #expect(table.take(admission(caller: 1, at: now), now: now).isAdmitted)
        let status = table.status(now: now)
        #expect(status.map(\.limit) == ["account", "fair"] && status.map(\.remaining) == [19, 9])
        #expect(status[0].upstream == "chime" && status[1].caller == "b" && status[1].route == "DELETE /r0/{id}")
        #expect(status.allSatisfy { $0.rateInForce == $0.configuredRate && $0.reason == .configured && $0.sinceThrottle == nil })
    }
}

import Testing

@testable import GatewayCore

@Suite("GCRA arithmetic")
struct GCRATests {
    struct RateCase: Sendable, CustomTestStringConvertible {
        var count: UInt64
        var period: UInt64
        var testDescription: String { "\(count) per \(period) ns" }
    }

    static let rates = [
        RateCase(count: 1, period: oneSecond), RateCase(count: 7, period: oneSecond), RateCase(count: 10, period: oneSecond),
        RateCase(count: 300, period: 60 * oneSecond), RateCase(count: 999, period: 60 * oneSecond),
        RateCase(count: 7, period: 3600 * oneSecond),
        RateCase(count: 500, period: oneDay), RateCase(count: 86_399, period: oneDay), RateCase(count: 1001, period: oneSecond),
        RateCase(count: 999_983, period: oneSecond), RateCase(count: 999_999, period: oneSecond),
        RateCase(count: 999_936, period: oneSecond),
        RateCase(count: 8_999, period: oneSecond), RateCase(count: 10_000_000, period: oneDay),
    ]

    @Test("An overloaded limit admits exactly rate x time after any number of requests", arguments: rates)
    func noDrift(rate: RateCase) {
        let gcra = GCRA(rate: Rate(count: rate.count, periodNanoseconds: rate.period), burst: 2)
        let start: UInt64 = 1_000_000_007
        var state: UInt64 = 0
        var now = start
        // Every request is made at the first nanosecond that conforms: two at the start, then one an interval.
        let requests: UInt64 = 20_000
        for _ in 0..<requests {
            now = max(now, gcra.conformsAt(state: state, pace: gcra.interval))
            guard let next = gcra.state(after: state, at: gcra.ticks(at: now), pace: gcra.interval) else {
                Issue.record("the nanosecond named does not conform")
                return
            }
            if now > start { #expect(gcra.state(after: state, at: gcra.ticks(at: now - 1), pace: gcra.interval) == nil) }
            state = next
        }
        // The exact instant of the n-th is start + (n-2) x period / count, rounded up to the step of the clock.
        let (high, low) = (requests - 2).multipliedFullWidth(by: rate.period)
        let exact = rate.count.dividingFullWidth((high, low)).quotient
        // Rates that are not counted exactly may be a tick slower each time.
        let rounding = gcra.isExact ? 0 : requests / 8
        #expect(now - start + gcra.quantum >= exact && now - start <= exact + gcra.quantum + rounding)
    }

    @Test("Ten million requests at 7/s leave no remainder behind")
    func tenMillion() {
        let gcra = GCRA(rate: Rate(count: 7, periodNanoseconds: oneSecond), burst: 3)
        let start = 3 * oneSecond
        var state = gcra.ticks(at: start)
        let first = state
        var failures = 0
        for _ in 0..<10_000_000 {
            // The clock stands where the request before has its arrival time, so that the bucket never is quite full.
            let tick = state &- gcra.interval
            guard let next = gcra.state(after: state, at: max(tick, first), pace: gcra.interval) else {
                failures += 1
                continue
            }
            state = next
        }
        #expect(failures == 0)
        #expect(state - first == 10_000_000 * gcra.interval)
        #expect(gcra.nanoseconds(reaching: state) == start + (10_000_000 * oneSecond + 6) / 7)
    }

    @Test("Admitted in a long run is burst + floor(rate x time)", arguments: rates)
    func admittedInSteps(rate: RateCase) {
        let gcra = GCRA(rate: Rate(count: rate.count, periodNanoseconds: rate.period), burst: 5)
        var state: UInt64 = 0
        var admitted: UInt64 = 0
        let start = 17 * oneSecond
        let interval = max(rate.period / rate.count, 1)
        var now = start
        for _ in 0..<40_000 {
            if let next = gcra.state(after: state, at: gcra.ticks(at: now), pace: gcra.interval) {
                state = next
                admitted += 1
            }
            now += interval / 4 + 1
        }
        let last = now - (interval / 4 + 1)
        let (high, low) = (last - start).multipliedFullWidth(by: rate.count)
        let earned = rate.period.dividingFullWidth((high, low)).quotient
        #expect(admitted <= 5 + earned + 1 && admitted + 1 + (gcra.isExact ? 0 : earned / 1000) >= 5 + earned)
    }

    @Test("After any rest there is one burst and no more", arguments: [3, 3600, 86_400, 34_560_000, 948_672_000] as [UInt64])
    func idle(seconds: UInt64) {
        let gcra = GCRA(rate: Rate(count: 7, periodNanoseconds: oneSecond), burst: 4)
        let tick = gcra.ticks(at: seconds * oneSecond)
        var state = gcra.ticks(at: oneSecond)
        for _ in 0..<4 { state = gcra.state(after: state, at: tick, pace: gcra.interval) ?? 0 }
        #expect(state == tick + 4 * gcra.interval)
        #expect(gcra.state(after: state, at: tick, pace: gcra.interval) == nil)
        #expect(gcra.remaining(state: state, at: tick, pace: gcra.interval) == 0)
    }

    static let extremes = [
        LimitRule(name: "x", rate: Rate(count: .max, periodNanoseconds: .max), burst: .max, scope: .route),
        LimitRule(name: "x", rate: Rate(count: 1, periodNanoseconds: .max), burst: .max, scope: .route),
        LimitRule(name: "x", rate: Rate(count: .max, periodNanoseconds: 1), burst: 1, scope: .route),
        LimitRule(name: "x", rate: Rate(count: 0, periodNanoseconds: 0), burst: 0, scope: .route),
        LimitRule(name: "x", rate: Rate(count: 1, periodNanoseconds: 1), burst: .max, scope: .route),
        LimitRule(name: "x", rate: Rate(count: .max, periodNanoseconds: oneDay), burst: 3, scope: .route),
    ]

    @Test("Extreme numbers saturate and refuse rather than trap or admit for ever", arguments: extremes)
    func extreme(rule: LimitRule) {
        let gcra = GCRA(rate: rule.rate, burst: rule.burst)
        #expect(gcra.interval >= 1 && gcra.window <= 1 << 61 && gcra.window >= gcra.interval)
        for now in [0, 1, UInt64.max / 2, .max] {
            let tick = gcra.ticks(at: now)
            #expect(tick <= 1 << 63)
            let state = gcra.state(after: tick + gcra.window, at: tick, pace: gcra.interval)
            #expect(state == nil)
            _ = gcra.conformsAt(state: tick + gcra.window, pace: gcra.interval)
            _ = gcra.nanosecondsUntilFull(state: tick + gcra.window, now: now)
        }
    }

    @Test("A changed rate keeps what is outstanding")
    func conversion() {
        let slow = GCRA(rate: Rate(count: 10, periodNanoseconds: oneSecond), burst: 20)
        let fast = GCRA(rate: Rate(count: 70, periodNanoseconds: oneSecond), burst: 30)
        let now = 100 * oneSecond
        var state: UInt64 = 0
        for _ in 0..<20 { state = slow.state(after: state, at: slow.ticks(at: now), pace: slow.interval) ?? 0 }
        let converted = fast.state(converting: state, from: slow, now: now)
        #expect(fast.remaining(state: converted, at: fast.ticks(at: now), pace: fast.interval) == 10)
        let back = slow.state(converting: converted, from: fast, now: now)
        #expect(slow.remaining(state: back, at: slow.ticks(at: now), pace: slow.interval) == 0)
        #expect(slow.state(converting: 0, from: fast, now: now) == slow.ticks(at: now))
    }

    @Test("A lowered pace admits fewer at once and later, never less than one")
    func pace() {
        let gcra = GCRA(rate: Rate(count: 100, periodNanoseconds: oneSecond), burst: 20)
        let now = 9 * oneSecond
        for (rate, atOnce) in [(100.0, UInt64(20)), (50, 10), (20, 4), (3, 1), (0.5, 1), (1000, 20)] {
            let pace = gcra.pace(perSecond: rate)
            #expect(gcra.remaining(state: 0, at: gcra.ticks(at: now), pace: pace) == atOnce, "\(rate)")
        }
    }
}

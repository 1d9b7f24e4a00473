import Testing

@testable import GatewayCore

@Suite("Adaptive rate")
struct AdaptiveRateTests {
    @Test("A throttle cuts by 0.7; the curve is back at the old maximum after K seconds and goes on from there")
    func curve() {
        var rate = AdaptiveRate(configured: 1000)
        let start = 10 * oneSecond
        rate.answered(0, now: start)
        rate.answered(100, now: start + oneSecond)
        rate.throttled(sentAt: start, now: start + oneSecond)
        #expect(rate.current == 70)
        // K = cbrt(100 * 0.3 / 0.4) = 4.2172 s
        let samples: [(Double, Double)] = [(1, 86.68), (4.2172, 100), (6, 102.27), (8, 121.65)]
        for (elapsed, expected) in samples {
            rate.answered(UInt64(elapsed * 100), now: start + oneSecond + UInt64(elapsed * 1e9))
            rate.succeeded(now: start + oneSecond + UInt64(elapsed * 1e9))
            #expect(abs(rate.current - expected) < 0.1, "\(elapsed)")
        }
    }

    @Test("Throttles of requests sent before the cut are the same event")
    func oneCutPerRoundTrip() {
        var rate = AdaptiveRate(configured: 100)
        rate.throttled(sentAt: 100, now: 200)
        for sent in 100..<200 { rate.throttled(sentAt: UInt64(sent), now: 210) }
        #expect(rate.cuts == 1 && rate.current == 70)
        rate.throttled(sentAt: 200, now: 300)
        #expect(rate.cuts == 2 && abs(rate.current - 49) < 1e-9)
    }

    @Test("Never below the floor, never above what is configured, and forgotten after a quiet minute", arguments: [0.005, 1, 10, 1000])
    func bounds(configured: Double) {
        var rate = AdaptiveRate(configured: configured)
        for step in 0..<200 { rate.throttled(sentAt: UInt64(step) * 10, now: UInt64(step) * 10 + 5) }
        #expect(rate.current == rate.floor && rate.floor > 0)
        for step in 1...100 {
            rate.answered(1, now: UInt64(step) * oneSecond)
            rate.succeeded(now: UInt64(step) * oneSecond)
            #expect(rate.current <= configured && rate.current >= rate.floor)
        }
        #expect(rate.current == configured && !rate.isLowered)
    }

    @Test("An idle hour neither lowers the rate nor lets it jump")
    func idle() {
        var rate = AdaptiveRate(configured: 1000)
        rate.answered(0, now: 0)
        rate.answered(20, now: oneSecond)
        rate.throttled(sentAt: 1, now: oneSecond)
        let cut = rate.current
        for step in 1...40 {
            rate.answered(1, now: UInt64(step + 1) * oneSecond)
            rate.succeeded(now: UInt64(step + 1) * oneSecond)
            #expect(rate.current >= cut && rate.current <= 20)
        }
    }

    @Test("Reports from several threads never wait, and no throttle is lost", .timeLimit(.minutes(1)))
    func threads() async throws {
        let table = try limitTable([limitRule("account", 100, burst: 20, adaptive: true)])
        let start = 50 * oneSecond
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    for step in 0..<5000 {
                        let now = start + UInt64(step) * 1_000_000
                        if step % 1000 == 500 + thread {
                            table.upstreamThrottled(route: 0, sentAt: now, now: now)
                        } else {
                            table.upstreamSucceeded(route: 0, now: now)
                        }
                        if step % 100 == 0 { _ = table.status(now: now) }
                    }
                }
            }
        }
        let status = try #require(table.status(now: start + 5 * oneSecond).first)
        #expect(status.cuts >= 1 && status.cuts <= 20 && status.reason == .upstreamThrottled)
        #expect(status.rateInForce >= 0.5 && status.rateInForce < 100)
    }

    @Test("A reload keeps the lowered rate; a changed rate bounds it", arguments: [(UInt64(100), 70.0), (200, 70), (50, 50)])
    func reload(count: UInt64, expected: Double) throws {
        let now = 50 * oneSecond
        let old = try limitTable([limitRule("account", 100, burst: 20, adaptive: true)])
        old.upstreamThrottled(route: 0, sentAt: now, now: now)
        let new = LimitTable(plan: try limitPlan([limitRule("account", count, burst: 20, adaptive: true)]), inheriting: old, now: now)
        #expect(new.status(now: now).first?.rateInForce == expected)
    }

    struct Upstream: Sendable, CustomTestStringConvertible {
        var rate: UInt64
        var burst: UInt64
        var latency: UInt64
        var testDescription: String { "admits \(rate)/s, bursts of \(burst), answers after \(latency / 1_000_000) ms" }
    }

    @Test(
        "An upstream that admits 20/s behind a limit of 100/s: under 5 % throttles and goodput over 18/s",
        arguments: [
            Upstream(rate: 20, burst: 1, latency: 5_000_000), Upstream(rate: 20, burst: 1, latency: 30_000_000),
            Upstream(rate: 20, burst: 1, latency: 100_000_000), Upstream(rate: 20, burst: 2, latency: 30_000_000),
            Upstream(rate: 20, burst: 5, latency: 30_000_000),
            Upstream(rate: 20, burst: 20, latency: 30_000_000), Upstream(rate: 20, burst: 40, latency: 100_000_000),
            Upstream(rate: 20, burst: 20, latency: 300_000_000),
        ])
    func settles(upstream: Upstream) throws {
        let table = try limitTable([limitRule("account", 100, burst: 20, adaptive: true)])
        let double = GCRA(rate: Rate(count: upstream.rate, periodNanoseconds: oneSecond), burst: upstream.burst)
        var doubleState: UInt64 = 0
        var answers: [(at: UInt64, sentAt: UInt64, throttled: Bool)] = []
        var delivered = 0
        var (good, throttled) = (0, 0)
        let start = 1000 * oneSecond
        let settled = start + 20 * oneSecond
        let end = start + 140 * oneSecond
        // One request is offered each millisecond or so, at uneven distances, by a fixed sequence.
        var random: UInt64 = 42
        var now = start
        while now < end {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            now += 500_000 + (random >> 44)
            while delivered < answers.count, answers[delivered].at <= now {
                let answer = answers[delivered]
                delivered += 1
                if answer.throttled {
                    table.upstreamThrottled(route: 0, sentAt: answer.sentAt, now: answer.at)
                } else {
                    table.upstreamSucceeded(route: 0, now: answer.at)
                }
                guard answer.at >= settled else { continue }
                if answer.throttled { throttled += 1 } else { good += 1 }
            }
            guard table.take(admission(at: now), now: now).isAdmitted else { continue }
            let next = double.state(after: doubleState, at: double.ticks(at: now), pace: double.interval)
            doubleState = next ?? doubleState
            answers.append((now + upstream.latency, now, next == nil))
        }
        let share = Double(throttled) / Double(good + throttled)
        let goodput = Double(good) / 120
        #expect(share < 0.05, "\(share) of answers were throttles, goodput \(goodput)")
        #expect(goodput > 18, "goodput \(goodput), throttles \(share)")
    }
}

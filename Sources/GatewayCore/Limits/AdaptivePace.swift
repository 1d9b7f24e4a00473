import Synchronization

/// An `AdaptiveRate` that every event loop may report to and read: the pace in force is one atomic number, and no report ever waits.
///
/// Answers are counted by an atomic addition. A throttle, and a success every 20 ms, tries the lock; whoever finds it taken leaves its
/// report for the holder to pick up.
final class AdaptivePace: Sendable {
    let rate: Rate
    let burst: UInt64
    /// The emission interval in force, in ticks of the limit's `GCRA`.
    let ticks: Atomic<UInt64>

    private let gcra: GCRA
    private let answers = Atomic<UInt64>(0)
    /// When the latest unhandled throttle's request was sent, plus 1; 0 where there is none.
    private let throttle = Atomic<UInt64>(0)
    private let nextLook = Atomic<UInt64>(0)
    private let adaptive: Mutex<AdaptiveRate>

    private static let lookNanoseconds: UInt64 = 20_000_000

    init(rule: LimitRule) {
        rate = rule.rate
        burst = rule.burst
        gcra = GCRA(rate: rule.rate, burst: rule.burst)
        ticks = Atomic(gcra.interval)
        adaptive = Mutex(AdaptiveRate(configured: rule.rate.perSecond))
    }

    /// Goes on at the rate that was in force under another configured rate, as far as the new one allows.
    convenience init(rule: LimitRule, after old: AdaptivePace, now: UInt64) {
        self.init(rule: rule)
        let before = old.snapshot(now: now)
        guard before.isLowered else { return }
        let carried = adaptive.withLock { rate in
            rate.resume(before)
            return rate.current
        }
        ticks.store(gcra.pace(perSecond: carried), ordering: .relaxed)
    }

    /// The state as it is now. For the status; waits for a report that is being handled.
    func snapshot(now: UInt64) -> AdaptiveRate {
        let copy = adaptive.withLock { $0 }
        if throttle.load(ordering: .acquiring) > 0 { settle(success: false, now: now) }
        return copy
    }

    func succeeded(now: UInt64) {
        answers.wrappingAdd(1, ordering: .relaxed)
        let due = nextLook.load(ordering: .relaxed)
        guard now >= due else { return }
        let next = now.addingSaturating(AdaptivePace.lookNanoseconds)
        guard nextLook.compareExchange(expected: due, desired: next, ordering: .relaxed).exchanged else { return }
        settle(success: true, now: now)
    }

    func throttled(sentAt: UInt64, now: UInt64) {
        answers.wrappingAdd(1, ordering: .relaxed)
        throttle.max(sentAt.addingSaturating(1), ordering: .releasing)
        settle(success: false, now: now)
    }

    private func settle(success: Bool, now: UInt64) {
        var success = success
        repeat {
            let done: Void? = adaptive.withLockIfAvailable { rate in
                rate.answered(answers.exchange(0, ordering: .relaxed), now: now)
                let sentAt = throttle.exchange(0, ordering: .acquiring)
                if sentAt > 0 {
                    rate.throttled(sentAt: sentAt - 1, now: now)
                } else if success {
                    rate.succeeded(now: now)
                }
                ticks.store(rate.isLowered ? gcra.pace(perSecond: rate.current) : gcra.interval, ordering: .relaxed)
            }
            // Every holder looks again after it has let go, so no throttle is left lying.
            guard done != nil else { return }
            success = false
        } while throttle.load(ordering: .acquiring) > 0
    }
}

extension Rate {
    /// As a decimal number; for what is approximate anyway.
    public var perSecond: Double { Double(count) * 1e9 / Double(max(periodNanoseconds, 1)) }
}

import GatewayCore
import Synchronization

/// The clock of one upstream as the whole process knows it. Lives on over a reload, as long as the upstream has the same name and address.
///
/// A request reads one number; an answer is looked at once a second; the lock is for those that change the estimate.
final class UpstreamClock: Sendable {
    struct Reading: Sendable {
        var skewMilliseconds: Int64
        var isMeasured: Bool
        var level: ClockSkew.Level
    }

    private let skew = Mutex(ClockSkew())
    /// What is added to this machine's time; `nothingSigned` where nothing is to be signed.
    private let inForce = Atomic<Int64>(0)
    private let isMeasured = Atomic<Bool>(false)
    /// `sentAt` of the request from which on an answer is looked at again.
    private let nextLook = Atomic<UInt64>(0)
    private let signedAgain = Atomic<UInt64>(0)

    private static let nothingSigned = Int64.max
    private static let lookNanoseconds: UInt64 = 1_000_000_000

    /// Milliseconds to add to this machine's time for a signature; nil where nothing is to be signed.
    func correction() -> Int64? {
        let correction = inForce.load(ordering: .relaxed)
        if correction != Self.nothingSigned { return correction }
        return skew.withLock { $0.probe(now: Clock.monotonicNanoseconds()) } ? 0 : nil
    }

    /// The same as far as the upstream has told its time; nil before, and beyond the bound. Sends nothing out to look.
    var known: Int64? {
        guard isMeasured.load(ordering: .relaxed) else { return nil }
        let correction = inForce.load(ordering: .relaxed)
        return correction == Self.nothingSigned ? nil : correction
    }

    /// Whether the answer to a request that was sent at `sentAt` is to be looked at.
    func wantsLook(sentAt: UInt64) -> Bool {
        let due = nextLook.load(ordering: .relaxed)
        guard sentAt >= due else { return false }
        // Of several event loops one does it.
        return nextLook.compareExchange(expected: due, desired: sentAt &+ Self.lookNanoseconds, ordering: .relaxed).exchanged
    }

    /// - Returns: the level and the skew when the level has changed.
    func observe(_ sample: ClockSample) -> Reading? { change { $0.observe(sample, now: Clock.monotonicNanoseconds()) }.changed }

    func refused(_ refusal: ClockRefusal, _ sample: ClockSample, signedWith correction: Int64) -> (
        verdict: ClockSkew.Verdict, changed: Reading?
    ) {
        let (verdict, changed) = change { $0.refused(refusal, sample, signedWith: correction, now: Clock.monotonicNanoseconds()) }
        return (verdict, changed)
    }

    func countSignedAgain() { signedAgain.wrappingAdd(1, ordering: .relaxed) }

    var signedAgainCount: UInt64 { signedAgain.load(ordering: .relaxed) }
    var reading: Reading { skew.withLock { Self.reading($0) } }

    private func change<R: Sendable>(_ body: (inout sending ClockSkew) -> R) -> (result: R, changed: Reading?) {
        skew.withLock { skew in
            let before = skew.level
            let result = body(&skew)
            inForce.store(skew.correction ?? Self.nothingSigned, ordering: .relaxed)
            isMeasured.store(skew.isMeasured, ordering: .relaxed)
            return (result, skew.level == before ? nil : Self.reading(skew))
        }
    }

    private static func reading(_ skew: ClockSkew) -> Reading {
        Reading(skewMilliseconds: skew.milliseconds, isMeasured: skew.isMeasured, level: skew.level)
    }
}

extension ClockSample {
    /// An answer that comes just now; nil where it does not say its time.
    ///
    /// - Parameter sentAt: when its request left, in monotonic nanoseconds.
    init?(_ head: ResponseHead, sentAt: UInt64) {
        guard let line = head.fields.first(.date), let date = HTTPDate.parse(head.fields[line.value]) else { return nil }
        self.init(
            dateSeconds: date, receivedMilliseconds: Clock.wallMilliseconds(),
            roundTripNanoseconds: Clock.monotonicNanoseconds() &- sentAt)
    }
}

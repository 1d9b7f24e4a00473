/// One look at an upstream's clock: its `Date` beside the time that this machine had. `Date` has whole seconds, and was written some time
/// between the request's leaving and the answer's arrival, so the middle of both is taken.
public struct ClockSample: Sendable, Equatable {
    /// How far the upstream's clock is ahead of this machine's; negative: behind.
    public let skewMilliseconds: Int64
    /// How wrong that may be, either way.
    public let uncertaintyMilliseconds: Int64

    /// - Parameters:
    ///   - dateSeconds: `Date`, in seconds since 1970.
    ///   - receivedMilliseconds: this machine's time when the answer came, in milliseconds since 1970.
    ///   - roundTripNanoseconds: from sending to receiving.
    public init(dateSeconds: Int64, receivedMilliseconds: Int64, roundTripNanoseconds: UInt64) {
        let half = Int64(min(roundTripNanoseconds / 2_000_000, UInt64(ClockSkew.longestMilliseconds)))
        skewMilliseconds = dateSeconds &* 1000 &+ 500 &- (receivedMilliseconds &- half)
        uncertaintyMilliseconds = 500 + half
    }
}

/// How far an upstream's clock is from this machine's, and what follows for signatures. AWS refuses those that are more than five minutes off.
///
/// Pure: times come in. A sample near the estimate moves it by an eighth; one far from it counts when a second one says the same, or when
/// the upstream has refused a signature for its time. Nothing is corrected below five seconds, for that is what a `Date` and a slow answer
/// can make up.
public struct ClockSkew: Sendable, Equatable {
    public enum Level: Sendable, Equatable {
        case small
        /// More than `warnedMilliseconds`: corrected, and worth a warning.
        case large
        /// More than `refusedMilliseconds`: one of the two clocks is so wrong that nothing is signed by either.
        case refused
    }

    public enum Verdict: Sendable, Equatable {
        /// The refusal was for another reason: it is the caller's to know.
        case unrelated
        /// Sign again, with the corrected time.
        case signAgain
        case beyondBound
    }

    public static let restMilliseconds: Int64 = 5_000
    public static let warnedMilliseconds: Int64 = 300_000
    public static let refusedMilliseconds: Int64 = 900_000
    /// While nothing is signed, so often one request goes out with this machine's own time, to see whether a clock was mended.
    public static let probeNanoseconds: UInt64 = 10_000_000_000
    /// From this difference on, a refusal that may have other causes is put down to the time (the AWS SDKs for Java and Go take 4 minutes).
    public static let telltaleMilliseconds: Int64 = 240_000
    /// Longer round trips say too little.
    static let longestMilliseconds: Int64 = 10_000

    /// The upstream's time minus this machine's.
    public private(set) var milliseconds: Int64 = 0
    public private(set) var isMeasured = false
    private var candidate: Int64?
    private var probeDue: UInt64 = 0

    public init() {}

    public var level: Level {
        switch milliseconds.magnitude {
        case ...Self.warnedMilliseconds.magnitude: .small
        case ...Self.refusedMilliseconds.magnitude: .large
        default: .refused
        }
    }

    /// What to add to this machine's time; nil where nothing is to be signed.
    public var correction: Int64? {
        guard level != .refused else { return nil }
        return milliseconds.magnitude < Self.restMilliseconds.magnitude ? 0 : milliseconds
    }

    /// What to add to this machine's time to judge by when credentials end: no more than any of the clocks that are known makes necessary,
    /// for one service with a wrong clock says nothing about the others.
    ///
    /// - Parameters:
    ///   - corrections: of the upstreams that the credentials are for; nil for those that have not told their time, or are beyond the bound.
    ///   - source: what the source of the credentials said with them; counts as long as no upstream has spoken.
    public static func judgement(_ corrections: [Int64?], source: ClockSample?) -> Int64 {
        if let known = corrections.compactMap(\.self).min(by: { $0.magnitude < $1.magnitude }) { return known }
        guard let source else { return 0 }
        var skew = ClockSkew()
        skew.step(to: source, now: 0)
        return source.skewMilliseconds.magnitude > width(source) ? skew.correction ?? 0 : 0
    }

    /// Whether this request is the one that goes out all the same, to see whether a clock was mended.
    ///
    /// - Parameter now: monotonic nanoseconds.
    public mutating func probe(now: UInt64) -> Bool {
        guard now >= probeDue else { return false }
        probeDue = now &+ Self.probeNanoseconds
        return true
    }

    /// An answer, whatever it says, that is no refusal for the time.
    public mutating func observe(_ sample: ClockSample, now: UInt64) {
        let distance = (sample.skewMilliseconds &- milliseconds).magnitude
        // A round trip that fills the whole width is cut off there, and proves nothing.
        guard sample.uncertaintyMilliseconds < 500 + Self.longestMilliseconds else { return }
        if level == .refused { return step(to: sample, now: now) }
        guard distance > Self.width(sample) else {
            candidate = nil
            milliseconds = isMeasured ? milliseconds + (sample.skewMilliseconds - milliseconds) / 8 : sample.skewMilliseconds
            isMeasured = true
            return
        }
        if let candidate, (sample.skewMilliseconds &- candidate).magnitude <= Self.width(sample) { return step(to: sample, now: now) }
        candidate = sample.skewMilliseconds
    }

    /// The upstream has refused a signature with a code of `ClockRefusal`; a refused signature was not processed.
    ///
    /// - Parameter signedWith: what was added to this machine's time for that signature.
    public mutating func refused(_ refusal: ClockRefusal, _ sample: ClockSample, signedWith correction: Int64, now: UInt64) -> Verdict {
        let distance = (sample.skewMilliseconds &- correction).magnitude
        let least = refusal == .certain ? Self.restMilliseconds : Self.telltaleMilliseconds
        guard distance >= least.magnitude &+ sample.uncertaintyMilliseconds.magnitude else { return .unrelated }
        step(to: sample, now: now)
        return level == .refused ? .beyondBound : .signAgain
    }

    private mutating func step(to sample: ClockSample, now: UInt64) {
        milliseconds = sample.skewMilliseconds
        isMeasured = true
        candidate = nil
        if level == .refused { probeDue = now &+ Self.probeNanoseconds }
    }

    private static func width(_ sample: ClockSample) -> UInt64 {
        restMilliseconds.magnitude &+ sample.uncertaintyMilliseconds.magnitude
    }
}

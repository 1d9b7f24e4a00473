/// The sentences that a refused caller reads. Prepared at start; only a budget that refills over hours names its times, which are new
/// each time.
public struct LimitWording: Sendable {
    private struct Sentences: Sendable {
        var reason: String
        var exhausted: String
        var queued: String
        /// Set where the limit is a budget over a long time.
        var budget: String?
    }

    private let sentences: [Sentences]

    /// A limit that takes this long to refill, in nanoseconds, is spoken of as a budget.
    static let budgetNanoseconds: UInt64 = 600_000_000_000

    public init(plan: LimitPlan) {
        sentences = plan.rules.map { rule in
            let words = "\(rule.rate.words)\(rule.burst > 1 ? ", bursts of \(rule.burst)" : "")\(rule.scope.sharing)"
            let isUsedUp = "The limit \(rule.name) (\(words)) is used up"
            let again = "try again after the time in Retry-After."
            let isBudget = rule.refillNanoseconds >= LimitWording.budgetNanoseconds
            return Sentences(
                reason: "limit/\(rule.name)",
                exhausted: "\(isUsedUp): \(again)",
                queued: "\(isUsedUp), and so many requests wait that the turn of this one does not come in time: \(again)",
                budget: isBudget
                    ? "The budget \(rule.name) (\(words)) is used up. Left alone it is whole again in "
                        + "\(LimitWording.words(rule.refillNanoseconds)); the next request is possible in "
                    : nil)
        }
    }

    /// The refusal for the caller: 429, or 503 where the gateway is about to stop.
    public func refusal(for refusal: LimitRefusal) -> Refusal {
        if refusal.cause == .draining { return LimitWording.draining }
        if refusal.cause == .storeUnavailable { return LimitWording.storeUnavailable }
        guard refusal.cause != .upstreamThrottled, let limit = refusal.limit else { return LimitWording.upstreamThrottled }
        let sentence = sentences[limit]
        if let budget = sentence.budget {
            return Refusal(
                .throttled, sentence.reason, budget + LimitWording.words(refusal.waitNanoseconds) + ".")
        }
        return Refusal(.throttled, sentence.reason, refusal.cause == .exhausted ? sentence.exhausted : sentence.queued)
    }

    public static let upstreamThrottled = Refusal(
        .throttled, "upstream/throttled",
        "The upstream throttled this request and did not process it: try again after the time in Retry-After.")

    static let draining = Refusal(
        .unavailable, "gateway/draining",
        "The gateway is about to stop, before the turn of this request would come: try again, another one serves.")

    static let storeUnavailable = Refusal(
        .unavailable, "limit-store/unavailable",
        "The store in which gateways share their limits does not answer, so nothing is let through: try again shortly.")

    /// `3 h 12 min`, `2 min 52 s` or `5 s`: rounded up, two units at most.
    private static func words(_ nanoseconds: UInt64) -> String {
        let seconds = max(wholeUnits(nanoseconds, of: 1_000_000_000), 1)
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return "\(seconds / 60) min" + (seconds % 60 == 0 ? "" : " \(seconds % 60) s") }
        let minutes = wholeUnits(seconds, of: 60)
        return "\(minutes / 60) h" + (minutes % 60 == 0 ? "" : " \(minutes % 60) min")
    }
}

extension LimitScope {
    fileprivate var sharing: String {
        switch self {
        case .upstream: ", shared by all callers"
        case .route: ", shared by all callers of this operation"
        case .caller: ", for each caller"
        case .callerAndRoute: ", for each caller of this operation"
        }
    }
}

extension Rate {
    /// `500 per day`.
    fileprivate var words: String {
        switch periodNanoseconds {
        case 1_000_000_000: "\(count) per second"
        case 60_000_000_000: "\(count) per minute"
        case 3_600_000_000_000: "\(count) per hour"
        case 86_400_000_000_000: "\(count) per day"
        default: "\(count) per \(wholeUnits(periodNanoseconds, of: 1_000_000_000)) s"
        }
    }
}

/// What the one 429 says, prepared from the limits (contract section 4): the same for a local limit, an expired wait and a throttling upstream.
public struct ThrottleAnswers: Sendable {
    /// The field lines of both kinds of answer.
    public let fields: ThrottleFields
    private let refusals: [Refusal]
    private let expired: [Refusal]

    public init(plan: LimitPlan) {
        fields = ThrottleFields(plan: plan)
        refusals = plan.rules.map { rule in
            Refusal(.throttled, "limit/\(rule.name)", Self.message(rule, waited: false))
        }
        expired = plan.rules.map { rule in
            Refusal(.throttled, "limit/\(rule.name)", Self.message(rule, waited: true))
        }
    }

    public func refusal(for refusal: LimitRefusal) -> Refusal {
        guard let limit = refusal.limit else { return Self.upstreamRefusal }
        return refusal.cause == .waitExpired ? expired[limit] : refusals[limit]
    }

    /// A throttle that the upstream spoke, in the same words as one of ours.
    public static let upstreamRefusal = Refusal(
        .throttled, "upstream/throttled",
        "The service limits how often it may be called: wait as long as Retry-After says, then send the request again.")

    /// A budget for a day is a fuse: it is not waited out but asked for.
    private static func message(_ rule: LimitRule, waited: Bool) -> String {
        let rate = "\(rule.rate.count) per \(Self.period(rule.rate))"
        if rule.rate.periodNanoseconds >= 86_400_000_000_000 {
            return
                "The budget '\(rule.name)' of \(rate) is used up and refills evenly over the day: send the request again after Retry-After, or ask the operator for more."
        }
        return waited
            ? "The request waited for its turn under the limit '\(rule.name)' (\(rate)), and the turn did not come in time: wait as long as Retry-After says."
            : "The limit '\(rule.name)' (\(rate)) is used up: wait as long as Retry-After says, then send the request again."
    }

    private static func period(_ rate: Rate) -> String {
        switch rate.periodNanoseconds {
        case 1_000_000_000: "second"
        case 60_000_000_000: "minute"
        case 3_600_000_000_000: "hour"
        case 86_400_000_000_000: "day"
        default: "\(rate.periodNanoseconds) ns"
        }
    }
}

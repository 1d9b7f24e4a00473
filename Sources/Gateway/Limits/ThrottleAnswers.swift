import GatewayCore

/// How a throttled caller is answered, and what every answer says of the limits: sentences and fields prepared for one configuration.
struct ThrottleAnswers: Sendable {
    /// The lines for every answer.
    let fields: ThrottleFields
    private let wording: LimitWording

    init(plan: LimitPlan) {
        fields = ThrottleFields(plan: plan)
        wording = LimitWording(plan: plan)
    }

    /// The one refusal for an upstream's throttle, however the upstream spelt it.
    static var upstreamRefusal: Refusal { LimitWording.upstreamThrottled }

    func refusal(for limit: LimitRefusal) -> Refusal { wording.refusal(for: limit) }

}

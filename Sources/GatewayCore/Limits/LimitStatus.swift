/// One key of one limit at one moment, for `/status` and `/metrics`. Names come from the configuration alone.
public struct LimitStatus: Sendable, Equatable {
    /// Why the rate in force is what it is.
    public enum Reason: String, Sendable, Equatable {
        case configured
        /// The upstream throttled, and the rate has not been raised again all the way since.
        case upstreamThrottled = "upstream-throttled"
    }

    public var limit: String
    public var scope: LimitScope
    /// Which of these three are set depends on the scope.
    public var upstream: String?
    public var route: String?
    public var caller: String?
    /// Requests per second.
    public var configuredRate: Double
    /// Requests per second; less than configured only for adaptive limits.
    public var rateInForce: Double
    public var reason: Reason
    /// Nanoseconds since the upstream last throttled; nil where it never did, or the limit does not adapt.
    public var sinceThrottle: UInt64?
    /// How often a throttle has lowered the rate.
    public var cuts: UInt64
    public var burst: UInt64
    /// How many requests would be admitted at once now.
    public var remaining: UInt64
    /// How many requests wait for their turn now.
    public var waiting: Int
}

extension LimitTable {
    /// The state of every key that limits something: those of upstreams and routes, and those of callers who have used them.
    public func status(now: UInt64) -> [LimitStatus] {
        zip(plan.keys, slots).compactMap { key, slot in
            let state = slot.state.load(ordering: .relaxed)
            guard key.caller == nil || state > 0 else { return nil }
            let rule = plan.rules[key.position]
            let gcra = plan.gcras[key.position]
            var status = LimitStatus(
                limit: key.limit, scope: key.scope, upstream: key.upstream, route: key.route, caller: key.caller,
                configuredRate: rule.rate.perSecond, rateInForce: rule.rate.perSecond, reason: .configured, cuts: 0, burst: rule.burst,
                remaining: 0, waiting: slot.waiters.load(ordering: .relaxed))
            var pace = gcra.interval
            if let adaptive = adaptivePace(of: key) {
                let rate = adaptive.snapshot(now: now)
                pace = adaptive.ticks.load(ordering: .relaxed)
                status.cuts = rate.cuts
                if rate.cuts > 0 { status.sinceThrottle = now > rate.lastThrottle ? now - rate.lastThrottle : 0 }
                if rate.isLowered {
                    status.rateInForce = rate.current
                    status.reason = .upstreamThrottled
                }
            }
            status.remaining = gcra.remaining(state: state, at: gcra.ticks(at: now), pace: pace)
            return status
        }
    }

    private func adaptivePace(of key: LimitKey) -> AdaptivePace? {
        guard let upstream = key.upstream else { return nil }
        let index = plan.paceKeys.firstIndex { $0.limit == key.position && plan.upstreamNames[$0.upstream] == upstream }
        return index.map { paces[$0] }
    }
}

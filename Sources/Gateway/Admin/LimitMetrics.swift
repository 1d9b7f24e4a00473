import GatewayCore

/// The limits in `/metrics`, `/status` and on the page. Labels are names from the configuration, so their number is bounded by it.
enum LimitMetrics {
    static func write(_ limits: [LimitStatus], to text: inout MetricsWriter) {
        guard !limits.isEmpty else { return }
        text.family(
            "countersign_limit_rate", "gauge", "The rate in force, requests per second; lower than configured after upstream throttles.")
        for limit in limits { text.sample(labels(limit), number: limit.rateInForce) }
        text.family("countersign_limit_configured_rate", "gauge", "The configured rate, requests per second.")
        for limit in limits { text.sample(labels(limit), number: limit.configuredRate) }
        text.family("countersign_limit_remaining", "gauge", "Requests that would be admitted at once.")
        for limit in limits { text.sample(labels(limit), limit.remaining) }
        text.family("countersign_limit_waiting", "gauge", "Requests that wait for their turn.")
        for limit in limits { text.sample(labels(limit), UInt64(max(0, limit.waiting))) }
        text.family("countersign_limit_cuts_total", "counter", "How often an upstream throttle has lowered the rate.")
        for limit in limits { text.sample(labels(limit), limit.cuts) }
    }

    static func table(_ limits: [LimitStatus]) -> String {
        StatusPage.table(
            "Limits", ["Name", "Of", "Rate now", "Configured", "Why", "Left", "Burst", "Waiting"],
            limits.map { limit in
                [
                    limit.limit, [limit.upstream, limit.route, limit.caller].compactMap { $0 }.joined(separator: ", "),
                    rate(limit.rateInForce), rate(limit.configuredRate),
                    limit.reason == .configured
                        ? "as configured" : "the upstream throttled \((limit.sinceThrottle ?? 0) / 1_000_000_000) s ago",
                    "\(limit.remaining)", "\(limit.burst)", "\(limit.waiting)",
                ]
            })
    }

    private static func labels(_ limit: LimitStatus) -> [(String, String)] {
        [("limit", limit.limit)]
            + [("upstream", limit.upstream), ("route", limit.route), ("caller", limit.caller)].compactMap { name, value in
                value.map { (name, $0) }
            }
    }

    /// `12.5/s`, and per hour or day where that is less than 1/s.
    private static func rate(_ perSecond: Double) -> String {
        if perSecond >= 1 { return "\((perSecond * 10).rounded() / 10)/s" }
        if perSecond * 3600 >= 1 { return "\((perSecond * 36_000).rounded() / 10)/h" }
        return "\((perSecond * 864_000).rounded() / 10)/d"
    }
}

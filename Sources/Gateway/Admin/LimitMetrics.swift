import GatewayCore

/// The limits in `/metrics` and `/status`. Labels are names from the configuration, so their number is bounded by it.
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

    private static func labels(_ limit: LimitStatus) -> [(String, String)] {
        [("limit", limit.limit)]
            + [("upstream", limit.upstream), ("route", limit.route), ("caller", limit.caller)].compactMap { name, value in
                value.map { (name, $0) }
            }
    }
}

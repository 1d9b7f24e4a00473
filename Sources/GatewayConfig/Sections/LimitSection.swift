import GatewayCore

extension Field {
    /// Above this a burst would take so long to refill that no count of it is exact, and 64-bit nanoseconds end.
    private static let maximumRefill: UInt64 = 366 * 86_400_000_000_000

    func limit(named name: String) -> LimitRule? {
        guard let keys = object(LimitKey.self) else { return nil }
        let rate = keys.required(.rate, example: "\"10/s\"")?.rate()
        let burst = keys[.burst]?.integer(1...1_000_000).map { UInt64($0) }
        let scope = keys[.per]?.choice(LimitScope.self)
        let maxWait = keys[.maxWait]?.duration(0...60_000_000_000)
        let isAdaptive = keys[.adaptive]?.boolean()
        if let field = keys[.adaptive], isAdaptive == true, let scope, scope != .upstream {
            field.fail(
                "an upstream throttles all its callers together, so a limit per \(scope.rawValue) cannot adapt to it",
                "write \"per\": \"upstream\", or remove \"adaptive\"")
        }
        guard let rate else { return nil }
        let effectiveBurst = burst ?? Self.defaultBurst(rate)
        let refill = (rate.periodNanoseconds / rate.count).multipliedReportingOverflow(by: effectiveBurst)
        if refill.overflow || refill.partialValue > Self.maximumRefill {
            (keys[.burst] ?? self).fail(
                "at \(RateText.words(rate)) a burst of \(effectiveBurst) needs more than a year to refill",
                "write a smaller burst or a higher rate")
        }
        return LimitRule(
            name: name, rate: rate, burst: effectiveBurst, scope: scope ?? .upstream, maxWaitNanoseconds: maxWait ?? 0,
            isAdaptive: isAdaptive ?? false)
    }

    /// What the rate admits in one second, rounded up: `10/s` 10, `300/m` 5, `500/d` 1.
    private static func defaultBurst(_ rate: Rate) -> UInt64 {
        let seconds = rate.periodNanoseconds / 1_000_000_000
        return max(1, (rate.count + seconds - 1) / seconds)
    }
}

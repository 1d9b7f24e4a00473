/// What a limit's count is shared by.
public enum LimitScope: String, Sendable, CaseIterable {
    case upstream
    case route
    case caller
    case callerAndRoute = "caller+route"
}

/// So many requests in so long a period; `"10/s"` is 10 in 1,000,000,000 ns.
public struct Rate: Sendable, Equatable, Hashable {
    /// At least 1.
    public var count: UInt64
    /// One second, minute, hour or day, in nanoseconds.
    public var periodNanoseconds: UInt64

    public init(count: UInt64, periodNanoseconds: UInt64) {
        self.count = count
        self.periodNanoseconds = periodNanoseconds
    }
}

/// One entry of `limits` in the configuration.
public struct LimitRule: Sendable, Equatable {
    /// The key in the configuration; also the policy name in `RateLimit` and in `countersign-reason: limit/<name>`.
    public var name: String
    public var rate: Rate
    /// How many requests may come at once after a rest. At least 1.
    public var burst: UInt64
    public var scope: LimitScope
    /// How long a request may wait for its turn; 0 refuses at once.
    public var maxWaitNanoseconds: UInt64
    /// Whether upstream throttles lower the rate (and successes raise it again).
    public var isAdaptive: Bool

    public init(name: String, rate: Rate, burst: UInt64, scope: LimitScope, maxWaitNanoseconds: UInt64 = 0, isAdaptive: Bool = false) {
        self.name = name
        self.rate = rate
        self.burst = burst
        self.scope = scope
        self.maxWaitNanoseconds = maxWaitNanoseconds
        self.isAdaptive = isAdaptive
    }
}

/// Which error a throttled caller is shown (contract section 4).
public enum ThrottleStyle: String, Sendable, CaseIterable {
    /// `ThrottledClientException`, the exception that the service models.
    case modeled
    /// `ThrottlingException`, which SDKs in standard retry mode retry by themselves.
    case retryable
}

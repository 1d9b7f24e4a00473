/// A token bucket over whole numbers: each millisecond adds `count` units, each request takes `periodMilliseconds` of them.
struct ThrottleBucket: Sendable {
    private let rate: ThrottleRate
    private let capacity: Int64
    private var level: Int64
    private var lastRefill: Int64?

    init(_ rate: ThrottleRate) {
        self.rate = rate
        capacity = rate.count * rate.periodMilliseconds
        level = capacity
    }

    /// - Parameter now: milliseconds since 1970; a clock that goes back adds nothing.
    mutating func take(now: Int64) -> Bool {
        let elapsed = min(max(0, now - (lastRefill ?? now)), rate.periodMilliseconds)
        lastRefill = max(now, lastRefill ?? now)
        level = min(capacity, level + elapsed * rate.count)
        guard level >= rate.periodMilliseconds else { return false }
        level -= rate.periodMilliseconds
        return true
    }
}

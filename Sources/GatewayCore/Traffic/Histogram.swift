/// How often a duration fell between two bounds. Counting is a few comparisons and two additions.
public struct Histogram: Sendable, Equatable {
    /// Upper bounds of the classes, nanoseconds, ascending; one more class has no bound.
    public let bounds: [UInt64]
    /// One number for each class, not cumulative.
    public private(set) var counts: [UInt64]
    /// Nanoseconds, all together.
    public private(set) var sum: UInt64 = 0

    public init(bounds: [UInt64]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    public var count: UInt64 { counts.reduce(0, +) }

    public mutating func add(_ nanoseconds: UInt64) {
        var index = 0
        while index < bounds.count, nanoseconds > bounds[index] { index += 1 }
        counts[index] &+= 1
        sum &+= nanoseconds
    }

    /// - Parameter other: of the same bounds.
    public mutating func add(_ other: Histogram) {
        for (index, count) in other.counts.enumerated() where index < counts.count { counts[index] &+= count }
        sum &+= other.sum
    }

    /// The bound below which at least this share (0 to 1) of the durations lie; nil without any, and beyond the last bound.
    public func bound(of share: Double) -> UInt64? {
        let wanted = Double(count) * share
        guard wanted > 0 else { return nil }
        var seen: UInt64 = 0
        for (index, bound) in bounds.enumerated() {
            seen &+= counts[index]
            if Double(seen) >= wanted { return bound }
        }
        return nil
    }

    /// From 1 ms to 10 s: what callers wait for.
    public static let requestBounds: [UInt64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000].map { $0 * 1_000_000 }
    /// From 1 ms to 1 s: by how much an event loop may be late.
    public static let delayBounds: [UInt64] = [1, 5, 10, 25, 50, 100, 250, 1000].map { $0 * 1_000_000 }
}

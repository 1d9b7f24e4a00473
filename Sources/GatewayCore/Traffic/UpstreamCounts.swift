/// How an upstream has served in some time: answers by how long they took, and requests that got none.
public struct UpstreamCounts: Sendable, Equatable {
    /// Two classes for each doubling, from 1 microsecond to half a minute and more: a quantile is right to within a fifth.
    static let classCount = 52

    /// By class of latency.
    private(set) var answers = [UInt64](repeating: 0, count: classCount)
    public internal(set) var failureCount: UInt64 = 0

    public init() {}

    public var answerCount: UInt64 { answers.reduce(0, &+) }
    public var isZero: Bool { failureCount == 0 && answers.allSatisfy { $0 == 0 } }

    /// From the request's first byte sent to the answer's last byte, in nanoseconds.
    mutating func answer(nanoseconds: UInt64) { answers[Self.latencyClass(nanoseconds)] &+= 1 }

    mutating func add(_ other: UpstreamCounts) {
        for index in answers.indices { answers[index] &+= other.answers[index] }
        failureCount &+= other.failureCount
    }

    /// The latency that a share of the answers did not exceed, in milliseconds; nil where there was no answer.
    public func quantile(_ share: Double) -> Double? {
        let total = answerCount
        guard total > 0 else { return nil }
        let rank = UInt64((Double(total) * share).rounded(.up))
        var below: UInt64 = 0
        for (index, count) in answers.enumerated() {
            below += count
            if below >= max(1, rank) { return Self.middleMilliseconds(index) }
        }
        return nil
    }

    static func latencyClass(_ nanoseconds: UInt64) -> Int {
        let microseconds = max(1, nanoseconds / 1000)
        let power = 63 - microseconds.leadingZeroBitCount
        // The bit behind the highest one halves the doubling.
        let half = power > 0 ? Int(microseconds >> UInt64(power - 1)) & 1 : 0
        return min(2 * power + half, classCount - 1)
    }

    static func middleMilliseconds(_ index: Int) -> Double {
        let power = Double(UInt64(1) << UInt64(index / 2))
        return power * (index % 2 == 0 ? 1.25 : 1.75) / 1000
    }
}

/// The last hour, minute by minute: a ring of 60, each with the callers and upstreams that were heard in it. Its size is bounded
/// by their number in the configuration.
public struct TrafficHistory: Sendable {
    /// Minutes that are kept, the one under way included.
    public static let minuteCount = 60

    /// Minutes that tell how an upstream does, the one under way included.
    public static let recentMinuteCount: Int64 = 5

    private var ring: [TrafficTally.Row?]

    public init() { ring = Array(repeating: nil, count: Self.minuteCount) }

    /// Adds what one event loop has counted in one minute. What lies outside the hour before `now` (milliseconds since 1970) is left out.
    public mutating func add(_ row: TrafficTally.Row, now: Int64) {
        let last = TrafficTally.minute(now)
        guard Self.isKept(row.minute, last) else { return }
        let slot = Int(row.minute % Int64(Self.minuteCount))
        if ring[slot]?.minute == row.minute {
            ring[slot]?.add(row)
        } else {
            // Whatever was here is an hour old, or of a time that the clock has been set back from.
            ring[slot] = row
        }
    }

    /// The hour that ends with the minute of `now` (milliseconds since 1970), with `current` (of all event loops) added to it.
    public func report(current: [TrafficTally.Row], now: Int64) -> TrafficReport {
        var whole = self
        for row in current { whole.add(row, now: now) }
        let last = TrafficTally.minute(now)
        var report = TrafficReport(lastMinute: last)
        for row in whole.ring.compactMap(\.self) where Self.isKept(row.minute, last) {
            let position = Int(row.minute - last) + Self.minuteCount - 1
            for (caller, counts) in row.counts { report.add(caller, counts, at: position) }
            if row.minute > last - Self.recentMinuteCount {
                for (upstream, counts) in row.upstreams { report.upstreams[upstream, default: UpstreamCounts()].add(counts) }
            }
        }
        return report
    }

    private static func isKept(_ minute: Int64, _ last: Int64) -> Bool {
        minute > last - Int64(minuteCount) && minute <= last && minute >= 0
    }
}

/// The history as it is shown: for each caller and kind 60 numbers, the last of them for the minute under way.
public struct TrafficReport: Sendable, Equatable {
    public struct Caller: Sendable, Equatable {
        /// nil: whoever was not recognised.
        public var name: String?
        /// Kinds that occurred.
        public var counts: [TrafficKind: [UInt64]]
    }

    /// Minutes since 1970.
    public let lastMinute: Int64
    private var rows: [String?: [TrafficKind: [UInt64]]] = [:]
    /// What was heard in the last five minutes, by upstream.
    public internal(set) var upstreams: [String: UpstreamCounts] = [:]

    init(lastMinute: Int64) { self.lastMinute = lastMinute }

    /// By name; whoever was not recognised comes last.
    public var callers: [Caller] {
        rows.map { Caller(name: $0.key, counts: $0.value) }.sorted { left, right in
            guard let name = left.name else { return false }
            return right.name.map { name < $0 } ?? true
        }
    }

    mutating func add(_ caller: String?, _ counts: TrafficCounts, at position: Int) {
        var row = rows[caller] ?? [:]
        for kind in TrafficKind.allCases where counts[kind] > 0 {
            row[kind, default: Array(repeating: 0, count: TrafficHistory.minuteCount)][position] += counts[kind]
        }
        rows[caller] = row
    }
}

/// What one event loop has counted in the minute under way: one number for each caller and kind, so that counting is an addition.
///
/// There is no timer behind it: the first request of a later minute gives the finished minute away, and whoever reads the history looks
/// into the minute under way as well.
public struct TrafficTally: Sendable {
    /// One minute's counts, by caller; nil stands for whoever was not recognised.
    public struct Row: Sendable, Equatable {
        /// Minutes since 1970.
        public var minute: Int64
        public var counts: [String?: TrafficCounts]

        public init(minute: Int64, counts: [String?: TrafficCounts] = [:]) {
            self.minute = minute
            self.counts = counts
        }
    }

    static let minuteMilliseconds: Int64 = 60_000
    /// A request that arrived this long before the minute under way still counts into it (it waited for its answer). One that seems older
    /// shows that the clock was set back.
    private static let patienceMilliseconds: Int64 = 600_000

    /// A constant, because `allCases` makes an array whenever it is asked.
    static let kindCount = 6

    private let callers: [String]
    /// Milliseconds since 1970.
    private var minuteStart: Int64 = .min / 2
    /// By caller, whoever is unknown last, and in that by kind.
    private var cells: [UInt64]

    /// - Parameter callers: the names of the configuration, in the order of its caller table.
    public init(callers: [String]) {
        self.callers = callers
        cells = Array(repeating: 0, count: (callers.count + 1) * Self.kindCount)
    }

    /// Counts one answer.
    ///
    /// - Parameters:
    ///   - caller: an index into the names; nil where the caller is not known.
    ///   - arrival: of the request, milliseconds since 1970.
    /// - Returns: the minute before, once the first request of another one comes.
    public mutating func count(_ kind: TrafficKind, caller: Int?, arrival: Int64) -> Row? {
        var finished: Row?
        if UInt64(bitPattern: arrival &- minuteStart) >= UInt64(Self.minuteMilliseconds) { finished = turn(to: arrival) }
        let row = caller.map { $0 < callers.count ? $0 : callers.count } ?? callers.count
        cells[row * Self.kindCount + kind.rawValue] &+= 1
        return finished
    }

    /// The minute under way; nil where nothing was counted in it.
    public var row: Row? {
        var row = Row(minute: Self.minute(minuteStart))
        for caller in 0...callers.count {
            var counts = TrafficCounts()
            for kind in TrafficKind.allCases { counts[kind] = cells[caller * Self.kindCount + kind.rawValue] }
            guard !counts.isZero else { continue }
            // Two callers of one name would be a mistake of the configuration; they would be added up.
            row.counts[caller < callers.count ? callers[caller] : nil, default: TrafficCounts()].add(counts)
        }
        return row.counts.isEmpty ? nil : row
    }

    private mutating func turn(to arrival: Int64) -> Row? {
        if arrival < minuteStart, arrival >= minuteStart - Self.patienceMilliseconds { return nil }
        let finished = row
        minuteStart = Self.minute(arrival) * Self.minuteMilliseconds
        for index in cells.indices { cells[index] = 0 }
        return finished
    }

    static func minute(_ milliseconds: Int64) -> Int64 {
        milliseconds >= 0 ? milliseconds / minuteMilliseconds : (milliseconds - minuteMilliseconds + 1) / minuteMilliseconds
    }
}

/// What one event loop has counted in the minute under way: one number for each caller and kind, and for each upstream and class of latency,
/// so that counting is an addition.
///
/// There is no timer behind it: the first request of a later minute gives the finished minute away, and whoever reads the history looks
/// into the minute under way as well.
public struct TrafficTally: Sendable {
    /// One minute's counts, by caller; nil stands for whoever was not recognised.
    public struct Row: Sendable, Equatable {
        /// Minutes since 1970.
        public var minute: Int64
        public var counts: [String?: TrafficCounts]
        public var upstreams: [String: UpstreamCounts]

        public init(minute: Int64, counts: [String?: TrafficCounts] = [:], upstreams: [String: UpstreamCounts] = [:]) {
            self.minute = minute
            self.counts = counts
            self.upstreams = upstreams
        }

        mutating func add(_ other: Row) {
            for (caller, more) in other.counts { counts[caller, default: TrafficCounts()].add(more) }
            for (upstream, more) in other.upstreams { upstreams[upstream, default: UpstreamCounts()].add(more) }
        }
    }

    static let minuteMilliseconds: Int64 = 60_000
    /// A request that arrived this long before the minute under way still counts into it (it waited for its answer). One that seems older
    /// shows that the clock was set back.
    private static let patienceMilliseconds: Int64 = 600_000

    /// A constant, because `allCases` makes an array whenever it is asked.
    static let kindCount = 6

    private let callers: [String]
    private let upstreams: [String]
    /// Milliseconds since 1970.
    private var minuteStart: Int64 = .min / 2
    /// By caller, whoever is unknown last, and in that by kind.
    private var cells: [UInt64]
    /// By upstream.
    private var services: [UpstreamCounts]

    /// - Parameters: the names of the configuration, in its order.
    public init(callers: [String], upstreams: [String] = []) {
        self.callers = callers
        self.upstreams = upstreams
        services = Array(repeating: UpstreamCounts(), count: upstreams.count)
        cells = Array(repeating: 0, count: (callers.count + 1) * Self.kindCount)
    }

    /// Counts one answer.
    ///
    /// - Parameters:
    ///   - caller: an index into the names; nil where the caller is not known.
    ///   - arrival: of the request, milliseconds since 1970.
    /// - Returns: the minute before, once the first request of another one comes.
    public mutating func count(_ kind: TrafficKind, caller: Int?, arrival: Int64) -> Row? {
        let finished = turned(by: arrival)
        let row = caller.map { $0 < callers.count ? $0 : callers.count } ?? callers.count
        cells[row * Self.kindCount + kind.rawValue] &+= 1
        return finished
    }

    /// Counts what an upstream did with one attempt, as `count` does.
    ///
    /// - Parameter nanoseconds: how long the whole answer took; nil where none came.
    public mutating func count(upstream: Int, nanoseconds: UInt64?, arrival: Int64) -> Row? {
        let finished = turned(by: arrival)
        guard services.indices.contains(upstream) else { return finished }
        if let nanoseconds {
            services[upstream].answer(nanoseconds: nanoseconds)
        } else {
            services[upstream].failureCount &+= 1
        }
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
        for (name, counts) in zip(upstreams, services) where !counts.isZero {
            row.upstreams[name, default: UpstreamCounts()].add(counts)
        }
        return row.counts.isEmpty && row.upstreams.isEmpty ? nil : row
    }

    private mutating func turned(by arrival: Int64) -> Row? {
        UInt64(bitPattern: arrival &- minuteStart) >= UInt64(Self.minuteMilliseconds) ? turn(to: arrival) : nil
    }

    private mutating func turn(to arrival: Int64) -> Row? {
        if arrival < minuteStart, arrival >= minuteStart - Self.patienceMilliseconds { return nil }
        let finished = row
        minuteStart = Self.minute(arrival) * Self.minuteMilliseconds
        for index in cells.indices { cells[index] = 0 }
        for index in services.indices { services[index] = UpstreamCounts() }
        return finished
    }

    static func minute(_ milliseconds: Int64) -> Int64 {
        milliseconds >= 0 ? milliseconds / minuteMilliseconds : (milliseconds - minuteMilliseconds + 1) / minuteMilliseconds
    }
}

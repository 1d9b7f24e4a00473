/// What one event loop has answered since it started: counts by route, caller, who spoke and status, and durations by route and who spoke.
///
/// The number of cells is bounded by the configuration: routes, callers and a fixed list of statuses. A cell's room is made when a caller
/// first uses a route, and counting is an addition from then on.
public struct RequestTally: Sendable {
    public struct Key: Sendable, Hashable, Comparable {
        /// Empty where no route matched.
        public var route: String
        /// Empty for whoever was not recognised.
        public var caller: String
        public var origin: String
        /// `204`, or the class of one that is not in the list: `2xx`.
        public var status: String

        public static func < (left: Key, right: Key) -> Bool {
            (left.route, left.caller, left.origin, left.status) < (right.route, right.caller, right.origin, right.status)
        }
    }

    public struct Place: Sendable, Hashable, Comparable {
        public var route: String
        public var origin: String

        public static func < (left: Place, right: Place) -> Bool { (left.route, left.origin) < (right.route, right.origin) }
    }

    /// Those that AWS services and this gateway answer with.
    private static let statuses: [Int] = [
        200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 414, 415, 417, 422, 429, 431,
        500, 501, 502, 503, 504, 505,
    ]
    private static let names: [String] = statuses.map { "\($0)" } + (0...5).map { $0 == 0 ? "other" : "\($0)xx" }
    /// By status, 0 to 599.
    private static let slots: [UInt8] = (0..<600).map { status in
        UInt8(statuses.firstIndex(of: status) ?? statuses.count + status / 100)
    }

    private let routes: [String]
    private let callers: [String]
    /// By route and caller, whoever is unknown last: where its cells begin; -1 before the first.
    private var rows: [Int32]
    private var cells: [UInt64] = []
    /// By route, an unknown one last, and in that by origin.
    private var durations: [Histogram]
    /// Of configurations before this one.
    private var earlierCounts: [Key: UInt64] = [:]
    private var earlierDurations: [Place: Histogram] = [:]

    /// - Parameters:
    ///   - routes: the operations, in the order of the route table.
    ///   - callers: the names, in the order of the caller table.
    ///   - earlier: counted under the configuration before; goes on.
    public init(routes: [String], callers: [String], after earlier: RequestTally? = nil) {
        self.routes = routes
        self.callers = callers
        rows = Array(repeating: -1, count: (routes.count + 1) * (callers.count + 1))
        durations = Array(repeating: Histogram(bounds: Histogram.requestBounds), count: (routes.count + 1) * 2)
        if let earlier {
            earlierCounts = earlier.counts
            earlierDurations = earlier.durationsByPlace
        }
    }

    /// Counts one answer. `route` and `caller` are indices into the names; nil for unknown.
    public mutating func count(route: Int?, caller: Int?, origin: AnswerOrigin, status: Int, nanoseconds: UInt64) {
        let route = min(route ?? routes.count, routes.count)
        let caller = min(caller ?? callers.count, callers.count)
        let side = origin == .upstream ? 0 : 1
        let row = route * (callers.count + 1) + caller
        if rows[row] < 0 {
            rows[row] = Int32(cells.count)
            cells.append(contentsOf: repeatElement(0, count: 2 * Self.names.count))
        }
        let slot = Int(Self.slots[status >= 0 && status < 600 ? status : 0])
        cells[Int(rows[row]) + side * Self.names.count + slot] &+= 1
        durations[route * 2 + side].add(nanoseconds)
    }

    public var counts: [Key: UInt64] {
        var found = earlierCounts
        for (row, start) in rows.enumerated() where start >= 0 {
            let (route, caller) = row.quotientAndRemainder(dividingBy: callers.count + 1)
            for side in 0..<2 {
                for (slot, status) in Self.names.enumerated() {
                    let count = cells[Int(start) + side * Self.names.count + slot]
                    guard count > 0 else { continue }
                    let key = Key(
                        route: name(routes, route), caller: name(callers, caller), origin: side == 0 ? "upstream" : "gateway",
                        status: status)
                    found[key, default: 0] &+= count
                }
            }
        }
        return found
    }

    public var durationsByPlace: [Place: Histogram] {
        var found = earlierDurations
        for (index, histogram) in durations.enumerated() where histogram.count > 0 {
            let place = Place(route: name(routes, index / 2), origin: index % 2 == 0 ? "upstream" : "gateway")
            found[place, default: Histogram(bounds: Histogram.requestBounds)].add(histogram)
        }
        return found
    }

    private func name(_ names: [String], _ index: Int) -> String { index < names.count ? names[index] : "" }
}

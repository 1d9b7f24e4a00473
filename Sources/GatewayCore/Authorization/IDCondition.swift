/// Which values of one path parameter are permitted: `allowPrefix` and `deny`, of a route or of one caller on it. Compiled from the configuration.
struct IDCondition: Sendable {
    /// A value must begin with one of these; none: with anything.
    private let prefixes: [[UInt8]]
    /// Sorted.
    private let denied: [[UInt8]]

    init(allowPrefix: [String], deny: [String]) {
        prefixes = allowPrefix.map { Array($0.utf8) }
        denied = deny.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    var isEmpty: Bool { prefixes.isEmpty && denied.isEmpty }

    func permits(_ value: [UInt8]) -> Bool {
        !denies(value) && (prefixes.isEmpty || prefixes.contains { value.starts(with: $0) })
    }

    /// By bisection: hashing costs more than a few comparisons.
    func denies(_ value: [UInt8]) -> Bool {
        var low = 0
        var high = denied.count
        while low < high {
            let middle = (low + high) / 2
            if denied[middle].lexicographicallyPrecedes(value) { low = middle + 1 } else { high = middle }
        }
        return low < denied.count && denied[low] == value
    }
}

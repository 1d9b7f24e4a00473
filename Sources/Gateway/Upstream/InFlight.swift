import Synchronization

/// How many requests are under way to one upstream, over all event loops of the process. Lives on over a reload: requests of the old
/// configuration count with those of the new one.
final class InFlightCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    /// A place among at most `most`; nil where all are taken.
    func take(most: Int) -> InFlightPlace? {
        var seen = count.load(ordering: .relaxed)
        while seen < most {
            let (exchanged, original) = count.weakCompareExchange(expected: seen, desired: seen + 1, ordering: .relaxed)
            if exchanged { return InFlightPlace(of: self) }
            seen = original
        }
        return nil
    }

    fileprivate func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// One request's place among those under way. Cannot be copied, and gives itself back when whoever holds it lets it go: no path can
/// forget it, and none can give it back twice.
struct InFlightPlace: ~Copyable, Sendable {
    private let count: InFlightCount

    fileprivate init(of count: InFlightCount) { self.count = count }

    deinit { count.leave() }
}

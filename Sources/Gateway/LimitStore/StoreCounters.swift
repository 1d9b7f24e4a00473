import Synchronization

/// What all connections to the store have counted; read for `/metrics` and `/status` at any time from any thread.
final class StoreCounters: Sendable {
    /// Upper bounds of the latency classes, in microseconds. The last class has none.
    static let boundsMicroseconds: [UInt64] = [250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000]

    private let connected = Atomic<Int>(0)
    private let decidedAlone = Atomic<UInt64>(0)
    private let seconds = Atomic<UInt64>(0)
    private let classes = (0...StoreCounters.boundsMicroseconds.count).map { _ in Count() }
    private let failures = StoreFailure.Kind.allCases.map { _ in Count() }

    private final class Count: Sendable {
        let value = Atomic<UInt64>(0)
        func add() { value.wrappingAdd(1, ordering: .relaxed) }
        var now: UInt64 { value.load(ordering: .relaxed) }
    }

    /// - Returns: how many connections are up now.
    func connectionCame() -> Int { connected.wrappingAdd(1, ordering: .relaxed).newValue }
    func connectionWent() { connected.wrappingSubtract(1, ordering: .relaxed) }
    func failed(_ failure: StoreFailure) { failures[failure.kind.rawValue].add() }
    func decidesAlone() { decidedAlone.wrappingAdd(1, ordering: .relaxed) }

    func answered(afterNanoseconds nanoseconds: UInt64) {
        seconds.wrappingAdd(nanoseconds, ordering: .relaxed)
        let index = StoreCounters.boundsMicroseconds.firstIndex { nanoseconds <= $0 * 1000 } ?? StoreCounters.boundsMicroseconds.count
        classes[index].add()
    }

    var connectionsUp: Int { connected.load(ordering: .relaxed) }

    func snapshot(connections: Int, rule: String, address: String) -> StoreSnapshot {
        StoreSnapshot(
            address: address, rule: rule, connections: connections, connectionsUp: connectionsUp,
            failures: StoreFailure.Kind.allCases.map { ($0.label, failures[$0.rawValue].now) },
            decidedAlone: decidedAlone.load(ordering: .relaxed), latencyClasses: classes.map(\.now),
            latencyNanoseconds: seconds.load(ordering: .relaxed))
    }
}

/// The store at one moment.
struct StoreSnapshot: Sendable {
    var address: String
    /// `local` or `deny`.
    var rule: String
    var connections: Int
    var connectionsUp: Int
    var failures: [(cause: String, count: UInt64)]
    /// Requests that were decided without the store: by this gateway alone, or refused, as `rule` says.
    var decidedAlone: UInt64
    /// One more than `StoreCounters.boundsMicroseconds`; not cumulative.
    var latencyClasses: [UInt64]
    var latencyNanoseconds: UInt64

    var isUp: Bool { connectionsUp == connections }
}

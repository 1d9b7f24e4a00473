/// Whether the store is asked, and when a connection to it is tried again. One for each event loop's connection; times are monotonic
/// nanoseconds.
///
/// While it is down nobody waits for it: requests are decided without it, and one connection at a time probes. Waits between the probes
/// double from 50 ms to 1 s, and start anew only when the store has answered a request: one that lets itself be connected to but does not
/// count does not get a storm of connections.
public struct SharedStoreHealth: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        /// A connection is being made; requests are decided without it.
        case probing
        case up
        /// The next probe is due at this instant.
        case down(until: UInt64)
    }

    public static let shortestNanoseconds: UInt64 = 50_000_000
    public static let longestNanoseconds: UInt64 = 1_000_000_000

    public private(set) var phase = Phase.probing
    private var wait = SharedStoreHealth.shortestNanoseconds

    public init() {}

    public var isUp: Bool { phase == .up }

    /// A new connection has done its greeting and answered the probe.
    public mutating func probed() { phase = .up }

    /// The store has answered a request.
    public mutating func answered() { wait = SharedStoreHealth.shortestNanoseconds }

    /// Whatever was tried, connection, probe or request, has failed.
    /// - Returns: when to probe again.
    public mutating func failed(now: UInt64) -> UInt64 {
        let next = now.addingSaturating(wait)
        wait = min(wait * 2, SharedStoreHealth.longestNanoseconds)
        phase = .down(until: next)
        return next
    }

    /// The wait is over and a connection is being made.
    public mutating func probing() { phase = .probing }
}

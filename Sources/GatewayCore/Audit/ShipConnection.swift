/// Growing pauses between tries: doubled each time up to a limit, and each drawn from the upper half of it, so that many gateways do not come
/// back to a collector in the same moment.
public struct ShipBackoff: Sendable {
    /// In milliseconds.
    public static let shortest: UInt64 = 200
    public static let longest: UInt64 = 30_000

    private var ceiling = ShipBackoff.shortest

    public init() {}

    /// The next pause in milliseconds. `random` is any number, all values equally likely.
    public mutating func next(random: UInt64) -> UInt64 {
        let half = ceiling / 2
        let pause = half + random % (half + 1)
        ceiling = min(ceiling * 2, ShipBackoff.longest)
        return pause
    }

    public mutating func reset() { ceiling = ShipBackoff.shortest }
}

/// Whether a destination is connected and when to try again. A value without clock or randomness: `now` is milliseconds on a clock that
/// never goes back.
public struct ShipConnection: Sendable {
    public enum Phase: Sendable, Equatable {
        /// Not connected; the next try is due at this time.
        case down(until: UInt64)
        case connecting
        case up
    }

    public private(set) var phase = Phase.down(until: 0)
    /// Connections made since the start.
    public private(set) var connects: UInt64 = 0
    /// Tries that failed and connections that broke.
    public private(set) var failures: UInt64 = 0
    /// Why it is down, in words; nil while it is up, and before the first try.
    public private(set) var reason: String?
    private var backoff = ShipBackoff()

    public init() {}

    public mutating func begin() { phase = .connecting }

    public mutating func succeed() {
        phase = .up
        connects += 1
        reason = nil
    }

    /// The connection has carried records that are settled: it works. One that breaks before that is tried again as slowly as one that
    /// was refused, since a collector that turns the certificate down says so only after the handshake.
    public mutating func proveSound() { backoff.reset() }

    /// A try failed or the connection broke. Returns whether operators should hear of it: when it was up, or fails in another way now.
    public mutating func fail(_ words: String, now: UInt64, random: UInt64) -> Bool {
        let isNews = phase == .up || reason != words
        failures += 1
        reason = words
        phase = .down(until: now + backoff.next(random: random))
        return isNews
    }
}

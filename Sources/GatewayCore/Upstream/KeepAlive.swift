/// Whether a silent HTTP/2 connection still leads to somebody: after an interval without a byte a PING is sent (RFC 9113 section 6.7), and
/// when nothing at all follows it in time the connection is dead. Times are monotonic nanoseconds.
public struct KeepAlive: Sendable, Equatable {
    public enum Action: Sendable, Equatable {
        case none
        case ping
        case dead
    }

    private let interval: UInt64
    private let timeout: UInt64
    private var lastHeard: UInt64
    private var askedAt: UInt64?
    /// A request has waited in vain for its answer, and a PING for its own.
    public private(set) var isSuspect = false

    public init(interval: UInt64, timeout: UInt64, now: UInt64) {
        self.interval = interval
        self.timeout = timeout
        lastHeard = now
    }

    /// Bytes came. Any will do: the answer to a PING may stand behind a long body.
    public mutating func heard(now: UInt64) {
        lastHeard = now
        askedAt = nil
        isSuspect = false
    }

    /// A request waits long for its answer, which may be the fault of the connection. Asks at once where nothing has come for `silence`
    /// nanoseconds and nothing is asked already.
    public mutating func doubt(now: UInt64, silence: UInt64) -> Action {
        guard askedAt == nil, now > lastHeard, now - lastHeard >= silence else { return .none }
        askedAt = now
        return .ping
    }

    /// A request was not answered in time.
    public mutating func requestTimedOut() { isSuspect = askedAt != nil }

    /// To be called a few times within the shorter of interval and timeout.
    public mutating func tick(now: UInt64) -> Action {
        if let askedAt { return now > askedAt && now - askedAt > timeout ? .dead : .none }
        guard now > lastHeard, now - lastHeard >= interval else { return .none }
        askedAt = now
        return .ping
    }
}

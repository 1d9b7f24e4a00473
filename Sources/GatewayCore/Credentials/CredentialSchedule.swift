/// When temporary credentials are fetched anew, and until when those at hand may be used.
///
/// As AWS's SDKs do it (botocore: advisory refresh 15 minutes before the end): early, so that a failing source is noticed while the old
/// credentials are still good, and at a random moment, so that many gateways do not ask at once. Credentials with a short life are fetched in
/// its second half. A value without a clock: times are milliseconds since 1970.
public struct CredentialSchedule: Sendable, Equatable {
    /// nil: they do not end.
    public private(set) var expiresAt: Int64?
    /// Whether there are credentials at all.
    public private(set) var hasCredentials = false
    /// In a row, since the last success.
    public private(set) var failures = 0
    /// When to fetch; nil for never again.
    public private(set) var nextFetch: Int64?

    private var marginMilliseconds: Int64 = 0

    /// Before the end, in milliseconds; at most half of the life.
    static let advisoryMilliseconds: Int64 = 15 * 60 * 1000
    /// A request has to arrive before the end, too: this long before it credentials are not used any more; a tenth of a short life.
    static let usableMarginMilliseconds: Int64 = 2000
    static let firstRetryMilliseconds: Int64 = 500
    static let lastRetryMilliseconds: Int64 = 60_000

    /// To be fetched at once.
    public init(now: Int64) { nextFetch = now }

    /// - Parameters:
    ///   - recheck: when a source without an end should be looked at again, in milliseconds from now; nil for never.
    ///   - random: any number; it spreads the next fetch over a quarter of the window.
    /// - Returns: false where they have ended already, which counts as a failure.
    public mutating func fetched(expiresAt: Int64?, recheck: Int64?, now: Int64, random: UInt64) -> Bool {
        guard let expiresAt else {
            self.expiresAt = nil
            hasCredentials = true
            failures = 0
            nextFetch = recheck.map { now + $0 }
            return true
        }
        let life = expiresAt - now
        guard life > 0 else {
            failed(now: now, random: random)
            return false
        }
        hasCredentials = true
        failures = 0
        self.expiresAt = expiresAt
        marginMilliseconds = min(Self.usableMarginMilliseconds, life / 10)
        let window = min(Self.advisoryMilliseconds, life / 2)
        nextFetch = max(now + 1, expiresAt - window - Self.spread(window / 4, random))
        return true
    }

    /// The old credentials stay; soon again, then less and less often, but often enough while the end is near.
    public mutating func failed(now: Int64, random: UInt64) {
        failures += 1
        let wait = min(Self.lastRetryMilliseconds, Self.firstRetryMilliseconds << Int64(min(failures - 1, 16)))
        nextFetch = now + wait / 2 + Self.spread(wait / 2, random)
    }

    public func isUsable(now: Int64) -> Bool {
        hasCredentials && (expiresAt.map { now < $0 - marginMilliseconds } ?? true)
    }

    /// The moment from which they are not used any more; nil where they do not end.
    public var usableUntil: Int64? { expiresAt.map { $0 - marginMilliseconds } }

    private static func spread(_ range: Int64, _ random: UInt64) -> Int64 {
        range > 0 ? Int64(random % UInt64(range)) : 0
    }
}

/// When the gateway itself begins a new file. A value without a clock: `time` is the time of day and `now` a clock that never goes back,
/// both in milliseconds.
public struct AuditRotation: Sendable {
    private let rule: AuditRotationRule
    private var retry: UInt64 = 0

    /// Between a rotation that failed and the next try, in milliseconds.
    public static let retryInterval: UInt64 = 5000

    public init(_ rule: AuditRotationRule) { self.rule = rule }

    /// - Parameters:
    ///   - byteCount: the size of the file. One without a record is never rotated.
    ///   - begun: the time of its first record.
    public func isDue(byteCount: Int, begun: Int64?, time: Int64, now: UInt64) -> Bool {
        guard byteCount > 0, now >= retry else { return false }
        if let limit = rule.byteLimit, byteCount >= limit { return true }
        guard let age = rule.ageMilliseconds, let begun else { return false }
        return time - begun >= Int64(clamping: age)
    }

    /// When to look again although nothing happened; nil for never. Not later than in a minute, because the time of day may be set.
    public func deadline(byteCount: Int, begun: Int64?, time: Int64, now: UInt64) -> UInt64? {
        guard byteCount > 0 else { return nil }
        if now < retry { return retry }
        guard let age = rule.ageMilliseconds, let begun else { return nil }
        let rest = Int64(clamping: age) - (time - begun)
        return now + UInt64(min(max(rest, 0), 60_000))
    }

    public mutating func hasFailed(now: UInt64) { retry = now + Self.retryInterval }

    /// What is appended to the path: `-20260131T235959.123Z`. Such names sort by time.
    public static func suffix(time: Int64) -> String {
        "-" + RFC3339.string(milliseconds: time).filter { $0 != "-" && $0 != ":" }
    }

    /// Whether a name's end behind the path is one that rotation gave, compressed or not.
    public static func isSuffix(_ text: some StringProtocol) -> Bool {
        var bytes = Array(text.utf8)
        if text.hasSuffix(".gz") { bytes.removeLast(3) }
        let form = Array("-00000000T000000.000Z".utf8)
        return bytes.count == form.count && zip(bytes, form).allSatisfy { $1 == 0x30 ? $0 &- 0x30 < 10 : $0 == $1 }
    }
}

/// The fields that say how much of a limit is left and when to come back (contract section 4), as `name: value` CR LF lines.
///
/// `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers (version 08 and later: lists of structured-field
/// strings with parameters). `RateLimit-Policy` names every limit of the route: `q` is the burst, `w` the whole seconds in which it
/// refills. `RateLimit` names one, as the draft allows: on a refusal the limit that refused, with `r=0` and `t` as `Retry-After`; else the
/// tightest, with `t` the seconds until all of `q` is there again.
public struct ThrottleFields: Sendable {
    /// `RateLimit-Policy: …` CR LF, by route; empty where the route has no limits.
    private let policyLines: [[UInt8]]
    /// `RateLimit: "name";r=`, by limit.
    private let itemStarts: [[UInt8]]

    public init(plan: LimitPlan) {
        policyLines = plan.policies.map { $0.isEmpty ? [] : Array("RateLimit-Policy: ".utf8) + $0 + [0x0D, 0x0A] }
        itemStarts = plan.rules.map { Array("RateLimit: ".utf8) + quotedString($0.name) + Array(";r=".utf8) }
    }

    /// For an admitted request, whatever its answer.
    public func append(_ reading: LimitReading, to output: inout [UInt8]) {
        guard let limit = reading.limit else { return }
        output.append(contentsOf: policyLines[reading.route])
        appendItem(limit, remaining: reading.remaining, seconds: reading.resetSeconds, to: &output)
    }

    /// For a refusal, or a throttle of the upstream: also `Retry-After` (seconds) and `x-amz-retry-after` (milliseconds).
    public func append(_ refusal: LimitRefusal, to output: inout [UInt8]) {
        let seconds = refusal.retryAfterSeconds
        output.append(contentsOf: "Retry-After: ".utf8)
        appendInteger(seconds, to: &output)
        output.append(contentsOf: "\r\nx-amz-retry-after: ".utf8)
        appendInteger(refusal.retryAfterMilliseconds, to: &output)
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: policyLines[refusal.route])
        if let limit = refusal.limit { appendItem(limit, remaining: 0, seconds: seconds, to: &output) }
    }

    private func appendItem(_ limit: Int, remaining: UInt64, seconds: UInt64, to output: inout [UInt8]) {
        output.append(contentsOf: itemStarts[limit])
        appendInteger(remaining, to: &output)
        output.append(contentsOf: ";t=".utf8)
        appendInteger(seconds, to: &output)
        output.append(contentsOf: "\r\n".utf8)
    }
}

/// The value of a structured-field string (RFC 9651 section 3.3.3) with its quotes. A byte that such a string cannot hold becomes `_`.
func quotedString(_ name: String) -> [UInt8] {
    var bytes: [UInt8] = [0x22]
    for byte in name.utf8 {
        switch byte {
        case 0x22, 0x5C: bytes += [0x5C, byte]
        case 0x20...0x7E: bytes.append(byte)
        default: bytes.append(0x5F)
        }
    }
    bytes.append(0x22)
    return bytes
}

/// `"account";q=20;w=2`.
func policyItem(_ rule: LimitRule) -> [UInt8] {
    var bytes = quotedString(rule.name)
    bytes += ";q=".utf8
    appendInteger(rule.burst, to: &bytes)
    bytes += ";w=".utf8
    appendInteger(max(wholeUnits(rule.refillNanoseconds, of: 1_000_000_000), 1), to: &bytes)
    return bytes
}

extension LimitRule {
    /// The time in which an empty burst is full again: burst x period / count, rounded up.
    public var refillNanoseconds: UInt64 {
        let count = max(rate.count, 1)
        let (high, low) = burst.multipliedFullWidth(by: rate.periodNanoseconds)
        guard high < count else { return .max }
        let (quotient, remainder) = count.dividingFullWidth((high, low))
        return remainder == 0 ? quotient : quotient.addingSaturating(1)
    }
}

/// An integer of at most 15 digits, as structured fields allow (RFC 9651 section 3.3.1).
func appendInteger(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = min(value, 999_999_999_999_999)
    let start = bytes.count
    repeat {
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: rest % 10))
        rest /= 10
    } while rest > 0
    var (left, right) = (start, bytes.count - 1)
    while left < right {
        bytes.swapAt(left, right)
        left += 1
        right -= 1
    }
}

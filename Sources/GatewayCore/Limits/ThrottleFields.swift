/// The value of a structured-field string (RFC 8941 section 3.3.3) with its quotes. A byte that such a string cannot hold becomes `_`.
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

/// `"account";q=20;w=2`: the burst, and the whole seconds in which it refills.
func policyItem(_ quotedName: [UInt8], _ rule: LimitRule) -> [UInt8] {
    let (high, low) = rule.burst.multipliedFullWidth(by: rule.rate.periodNanoseconds)
    let count = max(rule.rate.count, 1)
    let nanoseconds = high >= count ? UInt64.max : count.dividingFullWidth((high, low)).quotient
    let exact = nanoseconds == .max || nanoseconds.multipliedFullWidth(by: count) == (high, low)
    var bytes = quotedName
    bytes += ";q=".utf8
    appendInteger(rule.burst, to: &bytes)
    bytes += ";w=".utf8
    appendInteger(max(wholeUnits(exact ? nanoseconds : nanoseconds + 1, of: 1_000_000_000), 1), to: &bytes)
    return bytes
}

/// An integer of at most 15 digits, as structured fields allow (RFC 8941 section 3.3.1).
func appendInteger(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = min(value, 999_999_999_999_999)
    if rest < 10 {
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: rest))
        return
    }
    let start = bytes.count
    while rest > 0 {
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: rest % 10))
        rest /= 10
    }
    var (left, right) = (start, bytes.count - 1)
    while left < right {
        bytes.swapAt(left, right)
        left += 1
        right -= 1
    }
}

import Digests

/// How values that may be phone numbers are masked (`audit.subject`).
enum AuditSubject {
    /// How many bytes of an E.164 number (its plus included) are the country code of ITU-T E.164: 2 for +1 and +7, 3 or 4 for the
    /// others. 0 where `value` is no number of the form `+` and at least seven digits, so that a prefix never is the whole of it.
    static func countryPrefixLength(_ value: UnsafeRawBufferPointer) -> Int {
        guard value.count >= 8, value[0] == 0x2B else { return 0 }
        for byte in value[1...] where !(0x30...0x39).contains(byte) { return 0 }
        let first = Int(value[1] - 0x30)
        let second = Int(value[2] - 0x30)
        if first == 1 || first == 7 { return 2 }
        return twoDigitCodes.contains(first * 10 + second) ? 3 : 4
    }

    /// The assigned codes of two digits (ITU Operational Bulletin, list of E.164 country codes); what is not here has three.
    private static let twoDigitCodes: Set<Int> = [
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66,
        81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    ]

    /// How many of the last bytes `last4` shows: four, and never more than half, so that a short number is not shown whole.
    static func shownTailLength(_ count: Int) -> Int { min(4, count / 2) }

    /// Whether a path segment may stand in a masked target: letters, `-`, `_`, `.`, `~` only. A digit may be part of a number, and
    /// a percent sign may hide one.
    static func isHarmless(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte == 0x2D || byte == 0x5F || byte == 0x2E || byte == 0x7E
    }
}

extension JSONCursor {
    /// A value as the style shows it; `code` is the HMAC context of the pseudonym's key.
    mutating func subject(_ value: ArraySlice<UInt8>, style: AuditSubjectForm) {
        value.withUnsafeBytes { bytes in
            switch style {
            case .plain:
                string(bytes)
            case .last4:
                raw("\"\u{2026}")
                characters(UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - AuditSubject.shownTailLength(bytes.count))...]))
                raw("\"")
            case .pseudonym(let code):
                raw("\"")
                let prefix = AuditSubject.countryPrefixLength(bytes)
                if prefix > 0 {
                    raw(UnsafeRawBufferPointer(rebasing: bytes[..<prefix]))
                    raw(":")
                }
                raw("hmac-sha256:")
                withUnsafeTemporaryAllocation(byteCount: 96, alignment: 8) { scratch in
                    guard let base = scratch.baseAddress else { return }
                    code.authenticate(bytes, into: base)
                    Hex.encode(UnsafeRawBufferPointer(start: base, count: 32), into: base + 32)
                    raw(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[32...]))
                }
                raw("\"")
            }
        }
    }

    /// A target of which each segment that might hold a number is replaced by `{masked}`, and so is a query.
    mutating func maskedTarget(_ target: ArraySlice<UInt8>) {
        raw("\"")
        var start = target.startIndex
        while start < target.endIndex {
            var end = start
            var isHarmless = true
            while end < target.endIndex, target[end] != 0x2F, target[end] != 0x3F {
                if !AuditSubject.isHarmless(target[end]) { isHarmless = false }
                end += 1
            }
            if isHarmless {
                target[start..<end].withUnsafeBytes { characters($0) }
            } else {
                raw("{masked}")
            }
            guard end < target.endIndex else { break }
            if target[end] == 0x3F {
                raw("?{masked}")
                break
            }
            raw("/")
            start = end + 1
        }
        raw("\"")
    }
}

/// What a JSON string means (RFC 8259 section 7).
enum JSONText {
    /// The text of a string with its quotes; nil where it has none.
    static func unquoted(_ text: Substring) -> String? {
        guard text.utf8.count >= 2, text.utf8.first == 0x22, text.utf8.last == 0x22 else { return nil }
        return unescaped(text.dropFirst().dropLast())
    }

    /// The text between the quotes. What is no lawful escape stands for itself: records that somebody has tampered with are shown, too.
    static func unescaped(_ text: Substring) -> String {
        guard text.utf8.contains(0x5C) else { return String(text) }
        var units: [UInt16] = []
        var rest = Array(text.utf16)[...]
        while let unit = rest.popFirst() {
            guard unit == 0x5C, let kind = rest.popFirst() else {
                units.append(unit)
                continue
            }
            switch kind {
            case 0x62: units.append(0x08)
            case 0x66: units.append(0x0C)
            case 0x6E: units.append(0x0A)
            case 0x72: units.append(0x0D)
            case 0x74: units.append(0x09)
            case 0x22, 0x2F, 0x5C: units.append(kind)
            case 0x75:
                let digits = String(decoding: rest.prefix(4), as: UTF16.self)
                guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit), let value = UInt16(digits, radix: 16) else {
                    units += [unit, kind]
                    continue
                }
                units.append(value)
                rest.removeFirst(4)
            default: units += [unit, kind]
            }
        }
        return String(decoding: units, as: UTF16.self)
    }
}

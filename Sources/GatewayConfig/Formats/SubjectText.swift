import GatewayCore

/// The subject of a certificate in the one form in which it is compared: RFC 2253 as OpenSSL prints it, `CN=billing,O=Example\, Inc.`
enum SubjectText {
    /// Whether OpenSSL could print this. Any other spelling would match no certificate ever, so it is a mistake.
    ///
    /// Attributes are parted by a comma, those of one RDN by a plus, without blanks around either. In a value `,+"\<>;`, and a blank at its
    /// begin or end, stand behind a backslash; bytes outside printable ASCII are a backslash and two capital hexadecimal digits.
    static func isCanonical(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while let equals = rest.firstIndex(of: UInt8(ascii: "=")), isType(rest[..<equals]) {
            rest = rest[(equals + 1)...]
            guard let end = endOfValue(rest) else { return false }
            if end == rest.endIndex { return true }
            rest = rest[(end + 1)...]
        }
        return false
    }

    /// `CN`, `emailAddress` or `1.2.840.113549.1.9.1`. The usual ones are in capitals.
    private static func isType(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, NameRule.isAlphanumeric(first) else { return false }
        guard bytes.allSatisfy({ NameRule.isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }) else { return false }
        let type = String(decoding: bytes, as: UTF8.self)
        // The word that the openssl command puts before the name.
        if type == "subject" { return false }
        let capitals = type.uppercased()
        return type == capitals || !["CN", "O", "OU", "C", "L", "ST", "DC", "UID", "SN", "GN"].contains(capitals)
    }

    /// Where the separator behind the value stands, or the end; nil where the value is not lawful.
    private static func endOfValue(_ bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        var endsWithBlank = false
        while index < bytes.endIndex {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "+"): return endsWithBlank ? nil : index
            case UInt8(ascii: "\\"):
                guard let count = escapeCount(bytes[(index + 1)...]) else { return nil }
                index += count
                endsWithBlank = false
            case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ";"): return nil
            default:
                guard (0x20...0x7E).contains(byte), byte != 0x20 || index != bytes.startIndex else { return nil }
                endsWithBlank = byte == 0x20
            }
            index += 1
        }
        return endsWithBlank ? nil : index
    }

    /// How many bytes belong to a backslash: a special character, or two hexadecimal digits in capitals.
    private static func escapeCount(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = bytes.first else { return nil }
        if ",+\"\\<>;# ".utf8.contains(first) { return 1 }
        let digits = bytes.prefix(2)
        return digits.count == 2 && digits.allSatisfy({ ASCII.hexValue($0) != nil && !(0x61...0x66).contains($0) }) ? 2 : nil
    }
}

/// Percent-encoding as AWS asks for it: everything but the unreserved characters of RFC 3986 section 2.3, with capital digits.
public enum PercentEncoding {
    public static func append(_ byte: UInt8, to output: inout [UInt8]) {
        if isUnreserved(byte) {
            output.append(byte)
        } else {
            output.append(UInt8(ascii: "%"))
            output.append(digit(byte >> 4))
            output.append(digit(byte & 15))
        }
    }

    /// Writes one or three bytes, for which there must be room, and returns how many.
    @inline(__always)
    static func write(_ byte: UInt8, to output: UnsafeMutableBufferPointer<UInt8>, at position: Int) -> Int {
        if isUnreserved(byte) {
            output[position] = byte
            return 1
        }
        output[position] = UInt8(ascii: "%")
        output[position + 1] = digit(byte >> 4)
        output[position + 2] = digit(byte & 15)
        return 3
    }

    public static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }
}

/// A query in the one form that is both sent and signed: decoded once, each name and value encoded anew, sorted by name and then value.
/// AWS's own signers disagree about raw `+`, `*` and `%7E`, so no raw form is kept.
enum CanonicalQuery {
    static func make(_ query: ArraySlice<UInt8>) -> Decision<[UInt8]> {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for part in query.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            guard let name = recode(part[..<(equals ?? part.endIndex)]), let value = recode(equals.map { part[($0 + 1)...] } ?? [])
            else { return .refused(malformed) }
            pairs.append((name, value))
        }
        pairs.sort { $0.name == $1.name ? $0.value.lexicographicallyPrecedes($1.value) : $0.name.lexicographicallyPrecedes($1.name) }
        var canonical: [UInt8] = []
        for pair in pairs {
            if !canonical.isEmpty { canonical.append(UInt8(ascii: "&")) }
            canonical += pair.name
            canonical.append(UInt8(ascii: "="))
            canonical += pair.value
        }
        return .granted(canonical)
    }

    private static func recode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            var byte = text[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < text.endIndex, let high = ASCII.hexValue(text[index + 1]), let low = ASCII.hexValue(text[index + 2])
                else { return nil }
                byte = high << 4 | low
                index += 2
            } else if byte <= 0x20 || byte >= 0x7F {
                return nil
            }
            PercentEncoding.append(byte, to: &output)
            index += 1
        }
        return output
    }

    private static let malformed = Refusal(
        .badRequest, "query/malformed",
        "The query string is malformed: percent-encode names and values, with two hexadecimal digits after each '%'.")
}

/// The part of an admin request's target behind the question mark: `name=value&name=value`, percent-encoded, a plus for a space
/// (WHATWG URL, application/x-www-form-urlencoded).
struct AdminQuery: Sendable {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for pair in text.split(separator: "&").prefix(32) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            values[Self.decoded(parts[0])] = parts.count > 1 ? Self.decoded(parts[1]) : ""
        }
    }

    /// Nil where the name does not stand there, or stands there with nothing.
    subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// A whole number from 1 to `most`; `standard` where there is none.
    func count(_ name: String, standard: Int, most: Int) -> Int {
        guard let text = self[name], let value = Int(text), value > 0 else { return standard }
        return min(value, most)
    }

    /// A percent sign that begins no escape stands for itself.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x2B {
                bytes.append(0x20)
            } else if byte == 0x25, rest.count >= 2, let value = value(rest) {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func value(_ digits: ArraySlice<UInt8>) -> UInt8? {
        var value: UInt8 = 0
        for digit in digits.prefix(2) {
            switch digit {
            case 0x30...0x39: value = value << 4 | (digit - 0x30)
            case 0x41...0x46, 0x61...0x66: value = value << 4 | ((digit | 0x20) - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }
}

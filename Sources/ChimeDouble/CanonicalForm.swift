/// The canonical request of AWS Signature Version 4, built by the server's rules from what arrived.
///
/// Source: "Create a signed AWS API request" in the IAM user guide. This is the double's own reading of that page, kept
/// apart from the product's signer on purpose: an error in either of them shows as a signature that does not match.
enum CanonicalForm {
    /// - Parameter signedNames: the names of `SignedHeaders`, in the order in which the client listed them.
    static func text(of request: ReceivedRequest, signedNames: [String], payloadHash: String) -> String {
        var lines = [request.method, path(request.rawPath), query(request.rawQuery)]
        for name in signedNames {
            lines.append("\(name):\(request.values(of: name).map(fieldValue).joined(separator: ","))")
        }
        lines.append("")
        lines.append(signedNames.joined(separator: ";"))
        lines.append(payloadHash)
        return lines.joined(separator: "\n")
    }

    /// The path as sent, empty and dot segments resolved, each segment percent-encoded once more.
    static func path(_ raw: Substring) -> String {
        var kept: [Substring] = []
        let segments = raw.split(separator: "/", omittingEmptySubsequences: true)
        for segment in segments {
            switch segment {
            case ".": continue
            case "..": kept = kept.dropLast()
            default: kept.append(segment)
            }
        }
        let isDirectory = raw.hasSuffix("/") || raw.hasSuffix("/.") || raw.hasSuffix("/..")
        return "/" + kept.map { encode($0.utf8) }.joined(separator: "/") + (isDirectory && !kept.isEmpty ? "/" : "")
    }

    /// Parameters decoded once, encoded once, in order of their encoded names, then values. A `+` is a plus, not a space.
    static func query(_ raw: Substring) -> String {
        raw.split(separator: "&", omittingEmptySubsequences: true)
            .map { parameter -> (String, String) in
                let halves = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (encode(decode(halves[0])), halves.count > 1 ? encode(decode(halves[1])) : "")
            }
            .sorted { left, right in
                left.0 == right.0
                    ? left.1.utf8.lexicographicallyPrecedes(right.1.utf8) : left.0.utf8.lexicographicallyPrecedes(right.0.utf8)
            }
            .map { "\($0)=\($1)" }
            .joined(separator: "&")
    }

    /// Without white space at the ends, and with one space for each run of them.
    static func fieldValue(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    /// Every byte but the unreserved ones of RFC 3986 as `%` and two upper-case hexadecimal digits.
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var output = ""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                output.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                output += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return output
    }

    /// Percent-decoded once; a `%` without two hexadecimal digits stays as it is.
    static func decode(_ text: some StringProtocol) -> [UInt8] {
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = digit(bytes[index + 1]),
                let low = digit(bytes[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }
}

import GatewayCore

/// The parts of a URL that a server's address may have.
struct URLText {
    var scheme: String
    /// As written, percent-encoded; nil when there is no '@'.
    var userInfo: String?
    var host: HostText
    /// What follows the host, from its first '/', '?' or '#'.
    var rest: String

    init(_ text: String, schemes: [String], example: String) throws(ValueProblem) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"), schemes.contains(text[..<colon].lowercased()) else {
            let choices = schemes.map { "\($0)://" }.joined(separator: " or ")
            throw ValueProblem("does not start with \(choices)", "write for example \"\(example)\"")
        }
        scheme = text[..<colon].lowercased()
        let afterScheme = text[colon...].dropFirst(3)
        let authority = afterScheme.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = String(afterScheme.dropFirst(authority.count))
        if let at = authority.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            host = try HostText(authority[at...].dropFirst(), ports: 1...65_535)
        } else {
            host = try HostText(authority, ports: 1...65_535)
        }
    }

    /// Percent-decoded (RFC 3986 section 2.1); nil when malformed.
    static func decoded(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(ASCII.hexValue), let low = iterator.next().flatMap(ASCII.hexValue) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// The parts of an address that a signature needs, exactly as written (RFC 3986, `http` and `https` only).
public struct RequestURL: Sendable, Hashable {
    /// `http` or `https`.
    public let scheme: String
    /// The value of a `Host` field: lower case, without user information, with the port unless it is the scheme's own.
    public let host: String
    /// From the first `/` on; empty where the address has none.
    public let path: [UInt8]
    /// After `?`; empty where there is none. A fragment is no part of a request and left out.
    public let query: [UInt8]

    public init(_ text: String) throws(SigningInputError) {
        let lowered = text.lowercased()
        if lowered.hasPrefix("https://") {
            scheme = "https"
        } else if lowered.hasPrefix("http://") {
            scheme = "http"
        } else {
            throw SigningInputError(
                "The URL must start with https:// or http://, for example https://service.chime.aws.amazon.com/phone-numbers.")
        }
        let rest = Array(text.utf8).dropFirst(scheme.utf8.count + 3).prefix { $0 != 0x23 }
        let authority = rest.prefix { $0 != 0x2F && $0 != 0x3F }
        let target = rest[authority.endIndex...]
        path = Array(target.prefix { $0 != 0x3F })
        query = Array(target.dropFirst(path.count + 1))
        host = try RequestURL.host(String(decoding: authority, as: UTF8.self), scheme: scheme)
    }

    private static func host(_ authority: String, scheme: String) throws(SigningInputError) -> String {
        let named = authority.split(separator: "@", omittingEmptySubsequences: false).last.map { $0.lowercased() } ?? ""
        // The colons of an IPv6 address stand in brackets; a port comes after them.
        let bracket = named.lastIndex(of: "]").map { named.index(after: $0) } ?? named.startIndex
        guard let colon = named[bracket...].firstIndex(of: ":") else {
            if named.isEmpty { throw SigningInputError("The URL names no host: write https://HOST/PATH.") }
            return named
        }
        let name = named[..<colon]
        let port = named[named.index(after: colon)...]
        if name.isEmpty { throw SigningInputError("The URL names no host: write https://HOST/PATH.") }
        if port.isEmpty { return String(name) }
        guard port.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let number = UInt16(port), number > 0 else {
            throw SigningInputError("The port in the URL must be a number from 1 to 65535, not \"\(port)\".")
        }
        return number == (scheme == "https" ? 443 : 80) ? String(name) : "\(name):\(number)"
    }
}

import GatewayCore

/// `"127.0.0.1:8080"`, `"[::1]:8080"`, `"unix:/run/countersign/gateway.sock"`.
enum BindAddressText {
    /// `sun_path` holds 108 bytes, the last of them NUL (unix(7)).
    private static let maximumPathBytes = 107
    private static let remedy = "write for example \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/countersign/gateway.sock\""

    /// Relative socket paths start at `directory`.
    static func parse(_ text: String, directory: String) throws(ValueProblem) -> BindAddress {
        if text.hasPrefix("unix:") {
            let written = String(text.dropFirst(5))
            guard !written.isEmpty, !written.hasSuffix("/"), !written.hasPrefix("@"), !written.hasPrefix("//") else {
                throw ValueProblem("names no socket file", "write for example \"unix:/run/countersign/gateway.sock\"")
            }
            let path = FileReading.resolve(written, in: directory)
            guard path.utf8.count <= maximumPathBytes else {
                throw ValueProblem("is too long for a socket (\(path.utf8.count) bytes)", "use a path of at most \(maximumPathBytes) bytes")
            }
            return .unix(path: path)
        }
        guard !text.contains("/") else { throw ValueProblem("is not an address to listen on", remedy) }
        if let port = Int(text) { throw ValueProblem("is only a port", "write \"127.0.0.1:\(port)\"") }
        if text.hasPrefix(":") && !text.hasPrefix("::") || text.hasPrefix("*:") {
            let port = text.drop { $0 != ":" }
            throw ValueProblem(
                "names no address", "write \"127.0.0.1\(port)\" for this machine alone, \"0.0.0.0\(port)\" for every network")
        }
        let parsed = try HostText(text, ports: 0...65_535)
        guard let port = parsed.port else { throw ValueProblem("has no port", "write for example \"\(text):8080\"") }
        return .tcp(host: parsed.host, address: parsed.address, port: port)
    }
}

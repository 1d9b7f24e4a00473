import GatewayCore

/// A host and a port as URLs and addresses write them (RFC 3986 section 3.2): `name:443`, `10.0.0.1`, `[::1]:8080`.
struct HostText {
    /// In lower case, without brackets.
    var host: String
    var address: IPAddress?
    /// nil when none is written.
    var port: Int?

    init(_ text: some StringProtocol, ports: ClosedRange<Int>) throws(ValueProblem) {
        var rest = Substring(text)
        if rest.hasPrefix("[") {
            guard let close = rest.firstIndex(of: "]"), let address = IPAddress(String(rest[..<close].dropFirst())), !address.isV4 else {
                throw ValueProblem("holds no IPv6 address between its brackets", "write for example \"[::1]:8080\"")
            }
            host = address.description
            self.address = address
            rest = rest[close...].dropFirst()
        } else {
            guard rest.count(where: { $0 == ":" }) < 2 else {
                throw ValueProblem("holds an IPv6 address without brackets", "write it in brackets, for example \"[::1]:8080\"")
            }
            let name = rest.prefix { $0 != ":" }
            rest = rest.dropFirst(name.count)
            host = name.lowercased()
            address = IPAddress(host)
            if address == nil, let problem = Self.problem(host) { throw problem }
        }
        guard !rest.isEmpty else { return }
        let digits = rest.dropFirst()
        guard rest.first == ":", (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), ports.contains(port)
        else { throw ValueProblem("has no good port", "write a port from \(ports.lowerBound) to \(ports.upperBound) after the host") }
        self.port = port
    }

    /// The labels of RFC 1123 section 2.1, with '_' for the names of container networks.
    private static func problem(_ host: String) -> ValueProblem? {
        guard !host.isEmpty else { return ValueProblem("names no host", "write for example \"127.0.0.1\" or \"service.example.com\"") }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        let areGood = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { NameRule.isNameByte($0) }
        }
        // A last label of digits only is an address that failed to parse, not a name (WHATWG URL, "ends in a number").
        let endsInNumber = labels.last?.utf8.allSatisfy { (0x30...0x39).contains($0) } ?? false
        guard host.utf8.count <= 253, areGood, !endsInNumber else {
            return ValueProblem("holds neither a host name nor an IP address", "write for example \"127.0.0.1\" or \"service.example.com\"")
        }
        return nil
    }
}

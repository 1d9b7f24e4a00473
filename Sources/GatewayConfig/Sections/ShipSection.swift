import GatewayCore

extension Field {
    private static let shipExample = "[{\"to\": \"syslog+tls://collector.example:6514\"}]"

    /// `audit.ship`.
    func shipDestinations() -> [ShipDestination]? {
        guard let fields = elements("write for example \(Self.shipExample), or leave the key out") else { return nil }
        var places: [String: String] = [:]
        return fields.compactMap { field in
            guard let destination = field.shipDestination() else { return nil }
            let name = "\(destination)"
            // One cursor for each place.
            if let other = places[name] { field.fail("\(other) ships to \(name) too", "remove one of the two") }
            places[name] = places[name] ?? field.path
            return destination
        }
    }

    private func shipDestination() -> ShipDestination? {
        guard let keys = object(ShipKey.self) else { return nil }
        let target = keys.required(.to, example: "\"syslog+tls://collector.example:6514\"")?.shipTarget()
        let facility = keys[.facility]?.choice(SyslogFacility.self)
        let appName = keys[.appName]?.appName()
        let files = ShipTLSFiles(
            caFile: keys[.caFile]?.certificateAuthorityFile(), certificate: keys[.certificate]?.certificateAuthorityFile(),
            privateKey: keys[.privateKey]?.privateKeyFile())
        if let certificate = keys[.certificate], keys[.privateKey] == nil {
            certificate.fail("\"certificate\" is of no use without \"privateKey\"", "add \"privateKey\": \"client.key\", or remove it")
        }
        if let privateKey = keys[.privateKey], keys[.certificate] == nil {
            privateKey.fail("\"privateKey\" is of no use without \"certificate\"", "add \"certificate\": \"client.crt\", or remove it")
        }
        guard var place = target else { return nil }
        if case .tls(let host, let port, _) = place {
            place = .tls(host: host, port: port, files)
        } else {
            for key in [ShipKey.caFile, .certificate, .privateKey] {
                keys[key]?.fail("\"\(key.rawValue)\" says nothing without TLS", "remove it, or write a syslog+tls:// URL")
            }
        }
        if place == .standardOutput {
            for key in [ShipKey.facility, .appName] {
                keys[key]?.fail("\"\(key.rawValue)\" is of syslog alone, and stdout gets the JSON lines as they are", "remove it")
            }
        }
        return ShipDestination(place, facility: facility ?? .local0, appName: appName ?? "countersign")
    }

    private func shipTarget() -> ShipDestination.Place? {
        parsed { text throws(ValueProblem) in
            let remedy = "write \"syslog+tcp://host:port\", \"syslog+tls://host:port\", \"syslog+unix:///dev/log\" or \"stdout\""
            if text == "stdout" { return .standardOutput }
            let unix = "syslog+unix://"
            if text.hasPrefix(unix) {
                let path = String(text.dropFirst(unix.count))
                guard path.hasPrefix("/"), !path.hasSuffix("/"), path.utf8.count <= 107 else {
                    throw ValueProblem(
                        "names no socket", "write the absolute path of at most 107 bytes behind the slashes: \"syslog+unix:///dev/log\"")
                }
                return .unix(path: path)
            }
            let schemes = ["syslog+tcp", "syslog+tls"]
            guard schemes.contains(where: { text.lowercased().hasPrefix($0 + "://") }) else {
                throw ValueProblem("is no place to ship to", remedy)
            }
            let url = try URLText(text, schemes: schemes, example: "syslog+tls://collector.example:6514")
            guard url.userInfo == nil, url.rest.isEmpty || url.rest == "/" else {
                throw ValueProblem("has more than a host and a port", remedy)
            }
            if url.scheme == "syslog+tls" { return .tls(host: url.host.host, port: url.host.port ?? 6514, ShipTLSFiles()) }
            // RFC 6587 has no port of its own for syslog over TCP.
            guard let port = url.host.port else { throw ValueProblem("has no port", "write for example \"\(text):514\"") }
            return .tcp(host: url.host.host, port: port)
        }
    }

    /// APP-NAME (RFC 5424 section 6).
    private func appName() -> String? {
        parsed { text throws(ValueProblem) in
            guard text.utf8.count <= 48, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValueProblem("is not an application name", "write 1 to 48 printable ASCII characters without spaces")
            }
            return text
        }
    }
}

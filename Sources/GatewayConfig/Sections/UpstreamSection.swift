import GatewayCore

extension Field {
    private static let timeoutRange: ClosedRange<UInt64> = 1_000_000...600_000_000_000

    /// `credentialNames`: what the configuration declares, broken entries included.
    func upstream(named name: String, credentialNames: [String]?) -> UpstreamSettings? {
        guard let keys = object(UpstreamKey.self) else { return nil }
        let url = keys.required(.url, example: "\"https://service.chime.aws.amazon.com\"")?.upstreamURL()
        let service = keys.required(.service, example: "\"chime\"")?.scopePart("service", example: "chime")
        let region = keys.required(.region, example: "\"us-east-1\"")?.scopePart("region", example: "us-east-1")
        let credentials = keys.required(.credentials, example: "\"\(credentialNames?.first ?? "chime")\"")?
            .reference(to: "credentials", among: credentialNames)
        let connect = keys[.connectTimeout]?.duration(Self.timeoutRange)
        let response = keys[.responseTimeout]?.duration(Self.timeoutRange)
        let idle = keys[.idleTimeout]?.duration(Self.timeoutRange)
        let maxConnections = keys[.maxConnections]?.integer(1...10_000)
        let maxInFlight = keys[.maxInFlight]?.integer(1...1_000_000)
        let http2 = keys[.http2]?.choice(HTTP2Mode.self)
        let pingInterval = keys[.pingInterval]?.duration(Self.timeoutRange)
        let pingTimeout = keys[.pingTimeout]?.duration(Self.timeoutRange)
        let caFile = keys[.caFile]?.certificateAuthorityFile()
        if let url, url.scheme == "http" {
            keys[.caFile]?.fail("\"caFile\" says nothing about an http:// upstream", "remove it, or write an https:// URL")
        }
        let mode = http2 ?? .auto
        if mode == .off || mode == .auto && url?.scheme == "http" {
            for key in [UpstreamKey.pingInterval, .pingTimeout] {
                keys[key]?.fail(
                    "\"\(key.rawValue)\" says nothing about an upstream that speaks HTTP/1.1", "remove it, or write \"http2\": \"required\""
                )
            }
        }
        guard let url, let service, let region, let credentials else { return nil }
        var settings = UpstreamSettings(
            name: name, usesTLS: url.scheme == "https", host: url.host.host, address: url.host.address,
            port: url.host.port ?? (url.scheme == "https" ? 443 : 80), service: service, region: region, credentials: credentials,
            caFile: caFile, maxInFlight: maxInFlight, http2: mode)
        if let connect { settings.connectTimeoutNanoseconds = connect }
        if let response { settings.responseTimeoutNanoseconds = response }
        if let idle { settings.idleTimeoutNanoseconds = idle }
        if let pingInterval { settings.pingIntervalNanoseconds = pingInterval }
        if let pingTimeout { settings.pingTimeoutNanoseconds = pingTimeout }
        if let maxConnections { settings.maxConnections = maxConnections }
        return settings
    }

    private func upstreamURL() -> URLText? {
        // Hidden: a URL may hold a password, by mistake.
        parsed(isHidden: true) { text throws(ValueProblem) in
            let example = "https://service.chime.aws.amazon.com"
            let url = try URLText(text, schemes: ["https", "http"], example: example)
            guard url.userInfo == nil else {
                throw ValueProblem("holds a user or password", "write the URL without what stands before '@'")
            }
            guard url.rest.isEmpty || url.rest == "/" else {
                throw ValueProblem("has a path, query or fragment", "write scheme and host alone, for example \"\(example)\"")
            }
            return url
        }
    }

    /// A part of the credential scope: it stands between slashes there.
    private func scopePart(_ what: String, example: String) -> String? {
        parsed { text throws(ValueProblem) in
            let isGood =
                text.utf8.count <= 64
                && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") }
            guard isGood else {
                throw ValueProblem("is not a \(what)", "write it in small letters, digits and '-', for example \"\(example)\"")
            }
            return text
        }
    }

    /// A name that must be one of `names`; nil names mean that the section could not be read, so that nothing can be said.
    func reference(to section: String, among names: [String]?) -> String? {
        guard let value = text() else { return nil }
        guard let names, !names.contains(value.text) else { return value.text }
        let remedy: String
        if let nearest = Suggestion.nearest(to: value.text, among: names) {
            remedy = "did you mean \"\(nearest)\"?"
        } else if names.isEmpty {
            remedy = "add it to \"\(section)\""
        } else {
            remedy = "write \(Shown.choices(Array(names.prefix(8)))), or add it to \"\(section)\""
        }
        fail("\(value.shown) is not in \"\(section)\"", remedy)
        return nil
    }
}

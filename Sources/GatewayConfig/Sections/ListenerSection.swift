import GatewayCore

extension Field {
    private static let timeoutRange: ClosedRange<UInt64> = 1_000_000...86_400_000_000_000

    func listener() -> ListenerSettings? {
        guard let keys = object(ListenerKey.self) else { return nil }
        let bind = keys.required(.bind, example: "\"127.0.0.1:8080\"")?.bindAddress()
        let mode = keys[.mode]?.unixMode(of: bind)
        let tls = keys[.tls]?.listenerTLS()
        let allowPlaintext = keys[.allowPlaintext]?.boolean()
        let reusesPort = keys[.reusePort]?.boolean()
        if let bind, !bind.isLocal, keys[.tls] == nil, keys[.allowPlaintext] == nil || allowPlaintext == false {
            fail(
                "\(bind) can be reached from other machines, and callers there would be served without TLS",
                "add \"tls\": {\"certificate\": ..., \"privateKey\": ...}, bind to 127.0.0.1, or write \"allowPlaintext\": true")
        }
        if let tlsField = keys[.tls], allowPlaintext == true {
            tlsField.fail("\"tls\" and \"allowPlaintext\": true contradict each other", "remove one of them")
        }
        let timeouts = keys[.timeouts]?.listenerTimeouts()
        let limits = keys[.limits]?.listenerLimits()
        guard let bind else { return nil }
        return ListenerSettings(
            bind: bind, unixMode: mode ?? 0o660, reusesPort: reusesPort ?? false, allowPlaintext: allowPlaintext ?? false, tls: tls,
            timeouts: timeouts ?? ListenerTimeouts(), limits: limits ?? ListenerLimits())
    }

    func admin() -> AdminSettings? {
        guard let keys = object(AdminKey.self) else { return nil }
        let tokenDigest = keys[.tokenSha256]?.sha256()
        let stateFile = keys[.stateFile]?.filePath()
        let bind: BindAddress? =
            if let field = keys[.bind] { field.bindAddress() } else {
                .tcp(host: "127.0.0.1", address: IPAddress(v4: 0x7F00_0001), port: 9901)
            }
        let reusesPort = keys[.reusePort]?.boolean() ?? false
        return bind.map { AdminSettings(bind: $0, reusesPort: reusesPort, tokenDigest: tokenDigest, stateFile: stateFile) }
    }

    private func bindAddress() -> BindAddress? {
        if case .integer(let port) = node.value {
            let example = (0...65_535).contains(port) ? port : 8080
            fail("this is a number, not an address", "write the address before the port, in double quotes: \"127.0.0.1:\(example)\"")
            return nil
        }
        return parsed { text throws(ValueProblem) in try BindAddressText.parse(text, directory: context.directory) }
    }

    private func unixMode(of bind: BindAddress?) -> UInt32? {
        if case .tcp = bind { fail("\"mode\" says who may open a socket file, and this listener has none", "remove it") }
        if case .integer = node.value {
            fail("this is a number, and JSON knows no octal ones", "write it in quotes, for example \"0660\"")
            return nil
        }
        return parsed { text throws(ValueProblem) in
            guard (3...4).contains(text.utf8.count), text.utf8.count == 3 || text.hasPrefix("0"), let mode = UInt32(text, radix: 8),
                text.utf8.allSatisfy({ (0x30...0x37).contains($0) })
            else { throw ValueProblem("is not a file mode", "write four octal digits, for example \"0660\"") }
            return mode
        }
    }

    private func listenerTimeouts() -> ListenerTimeouts? {
        guard let keys = object(ListenerTimeoutKey.self) else { return nil }
        var timeouts = ListenerTimeouts()
        if let head = keys[.head]?.duration(Self.timeoutRange) { timeouts.headNanoseconds = head }
        if let body = keys[.body]?.duration(Self.timeoutRange) { timeouts.bodyNanoseconds = body }
        if let idle = keys[.idle]?.duration(Self.timeoutRange) { timeouts.idleNanoseconds = idle }
        return timeouts
    }

    private func listenerLimits() -> ListenerLimits? {
        guard let keys = object(ListenerLimitKey.self) else { return nil }
        var limits = ListenerLimits()
        if let bytes = keys[.startLineBytes]?.integer(256...65_536) { limits.startLineBytes = bytes }
        if let count = keys[.fieldCount]?.integer(8...1_000) { limits.fieldCount = count }
        if let bytes = keys[.headBytes]?.integer(1_024...1_048_576) { limits.headBytes = bytes }
        if let bytes = keys[.bodyBytes]?.integer(0...1_073_741_824) { limits.bodyBytes = bytes }
        if let count = keys[.connections]?.integer(1...1_000_000) { limits.connections = count }
        limits.connectionsPerAddress = keys[.connectionsPerAddress]?.integer(1...1_000_000)
        if limits.headBytes < limits.startLineBytes {
            (keys[.headBytes] ?? self).fail(
                "a head of \(limits.headBytes) bytes cannot hold a start line of \(limits.startLineBytes)",
                "write \"headBytes\" not below \"startLineBytes\"")
        }
        if let perAddress = limits.connectionsPerAddress, perAddress > limits.connections {
            keys[.connectionsPerAddress]?.fail(
                "\(perAddress) for one address is more than \(limits.connections) for all", "write at most \(limits.connections)")
        }
        return limits
    }
}

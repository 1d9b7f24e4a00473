import Testing

@Suite struct ListenerMistakeTests {
    @Test(arguments: [
        MistakeRow("listeners", nil, "missing", "\"listeners\": [{\"bind\": \"127.0.0.1:8080\"}]"),
        MistakeRow("listeners", "[]", "empty", "write for example"),
        MistakeRow("listeners", "{}", "an object, not an array", "write for example"),
        MistakeRow("listeners[0]", "\"127.0.0.1:8080\"", "a string, not an object", "\"bind\""),
        MistakeRow("listeners[0].bind", nil, "missing", "\"bind\": \"127.0.0.1:8080\""),
        MistakeRow("listeners[0].bind", "8081", "a number, not an address", "\"127.0.0.1:8081\""),
        MistakeRow("listeners[0].bind", "\"8080\"", "only a port", "\"127.0.0.1:8080\""),
        MistakeRow("listeners[0].bind", "\":8080\"", "names no address", "\"0.0.0.0:8080\""),
        MistakeRow("listeners[0].bind", "\"*:8080\"", "names no address", "\"127.0.0.1:8080\""),
        MistakeRow("listeners[0].bind", "\"127.0.0.1\"", "has no port", "\"127.0.0.1:8080\""),
        MistakeRow("listeners[0].bind", "\"127.0.0.1:65536\"", "no good port", "0 to 65535"),
        MistakeRow("listeners[0].bind", "\"127.0.0.1:http\"", "no good port", "0 to 65535"),
        MistakeRow("listeners[0].bind", "\"256.0.0.1:80\"", "neither a host name nor an IP address", "127.0.0.1"),
        MistakeRow("listeners[0].bind", "\"a_b-.x:80\"", "neither a host name", "service.example.com"),
        MistakeRow("listeners[0].bind", "\"::1:8080\"", "without brackets", "\"[::1]:8080\""),
        MistakeRow("listeners[0].bind", "\"[::g]:8080\"", "no IPv6 address", "\"[::1]:8080\""),
        MistakeRow("listeners[0].bind", "\"http://127.0.0.1:80\"", "not an address to listen on", "unix:"),
        MistakeRow("listeners[0].bind", "\"\"", "empty", "write a value"),
        MistakeRow("listeners[1].bind", "\"unix:\"", "names no socket file", "\"unix:/run/countersign/gateway.sock\""),
        MistakeRow(
            "listeners[1].bind", "\"unix:/\(String(repeating: "x", count: 107))\"", "too long for a socket (108 bytes)", "107 bytes"),
        MistakeRow("listeners[0].bind", "\"[::1]:9901\"", at: "admin", "listeners[0] listens on [::1]:9901 too", "its own address"),
        MistakeRow("listeners[0].bind", "\"0.0.0.0:8080\"", at: "listeners[0]", "without TLS", "\"allowPlaintext\": true"),
        MistakeRow("listeners[0].bind", "\"gateway.internal:8080\"", at: "listeners[0]", "reached from other machines", "\"tls\""),
        MistakeRow("listeners[0].allowPlaintext", "\"true\"", "a string, not a boolean", "without quotes"),
        MistakeRow("listeners[0].allowPlaintext", "1", "a number, not a boolean", "true or false"),
        MistakeRow("listeners[2].allowPlaintext", "true", at: "listeners[2].tls", "contradict", "remove one"),
        MistakeRow("listeners[1].mode", "660", "knows no octal ones", "\"0660\""),
        MistakeRow("listeners[1].mode", "\"0680\"", "not a file mode", "\"0660\""),
        MistakeRow("listeners[1].mode", "\"1660\"", "not a file mode", "\"0660\""),
        MistakeRow("listeners[0].mode", "\"0660\"", "this listener has none", "remove it"),
        MistakeRow("listeners[0].port", "80", "unknown key", "known here are bind, mode"),
        MistakeRow("listeners[0].timeout", "{}", "unknown key", "did you mean \"timeouts\"?"),
        MistakeRow("listeners[0].timeouts.head", "5", "a number, not a duration", "\"5s\" or \"5ms\""),
        MistakeRow("listeners[0].timeouts.head", "\"5\"", "not a duration", "\"250ms\""),
        MistakeRow("listeners[0].timeouts.head", "\"five s\"", "not a duration", "\"2s\""),
        MistakeRow("listeners[0].timeouts.body", "\"-1s\"", "not a duration", "\"2s\""),
        MistakeRow("listeners[0].timeouts.body", "\"1.5s\"", "not a duration", "whole number"),
        MistakeRow("listeners[0].timeouts.body", "\"0s\"", "out of range", "write 1ms to 1d"),
        MistakeRow("listeners[0].timeouts.idle", "\"25h\"", "out of range", "1ms to 1d"),
        MistakeRow("listeners[0].timeouts.idle", "\"99999999999999d\"", "too long", "shorter"),
        MistakeRow("listeners[0].timeouts.read", "\"1s\"", "unknown key", "did you mean \"head\"?"),
        MistakeRow("listeners[0].limits.startLineBytes", "255", "out of range", "256 to 65536"),
        MistakeRow("listeners[0].limits.fieldCount", "1001", "out of range", "8 to 1000"),
        MistakeRow("listeners[0].limits.headBytes", "\"64k\"", "a string, not a number", "without quotes"),
        MistakeRow("listeners[0].limits.headBytes", "2048", "cannot hold a start line of 4096", "headBytes"),
        MistakeRow("listeners[0].limits.bodyBytes", "-1", "out of range", "0 to 1073741824"),
        MistakeRow("listeners[0].limits.connections", "1.5", "not a whole number", "1 to 1000000"),
        MistakeRow("listeners[0].limits.connections", "true", "a boolean, not a number", "1 to 1000000"),
        MistakeRow("listeners[0].limits.connectionsPerAddress", "501", "more than 500 for all", "at most 500"),
        MistakeRow("listeners[2].tls.certificate", nil, "missing", "tls.crt"),
        MistakeRow("listeners[2].tls.certificate", "\"absent.crt\"", "absent.crt does not exist", "create it"),
        MistakeRow("listeners[2].tls.certificate", "\".\"", "is a folder", "name a file"),
        MistakeRow("listeners[2].tls.certificate", "\"tls.key\"", "holds no PEM certificate", "-----BEGIN CERTIFICATE-----"),
        MistakeRow("listeners[2].tls.privateKey", "\"absent.key\"", "does not exist", "create it"),
        MistakeRow("listeners[2].tls.crlFile", "\"tls.crt\"", "holds no PEM certificate revocation list", "X509 CRL"),
        MistakeRow("listeners[2].tls.clientCertificate", "\"maybe\"", "\"maybe\" is not known here", "\"required\" or \"optional\""),
        MistakeRow("listeners[2].tls.additionalCertificates[0].privateKey", nil, "missing", "\"privateKey\""),
        MistakeRow("listeners[2].tls.additionalCertificates", "[]", "empty", "leave the key out"),
        MistakeRow("admin.bind", "\"localhost\"", "has no port", "\"localhost:8080\""),
        MistakeRow("admin.port", "9901", "unknown key", "known here are bind"),
        MistakeRow("admin.tokenSha256", "\"open sesame\"", "this value is not a SHA-256", "countersign hash-token"),
        MistakeRow("admin.stateFile", "\"\"", "empty", "write a value"),
    ])
    func namesPlaceAndRemedy(row: MistakeRow) throws {
        try row.check()
    }

    @Test func aPrivateKeyThatOthersCanReadIsRefused() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let path = try folder.write("tls.key", "-----BEGIN PRIVATE KEY-----\n", mode: 0o640)
        let mistakes = Sample.mistakes(in: Sample.json, folder: folder)
        #expect(mistakes.map(\.path) == ["listeners[2].tls.privateKey", "audit.ship[0].privateKey"])
        #expect(mistakes.first?.problem == "group or others can read \(path) (mode 0640), which holds a secret")
        #expect(mistakes.first?.remedy == "run: chmod 600 \(path)")
    }

    @Test func clientCertificateSettingsNeedAClientCA() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: try Sample.json(replacing: "listeners[2].tls.clientCA", with: nil), folder: folder)
        #expect(Set(mistakes.map(\.path)) == ["listeners[2].tls.clientCertificate", "listeners[2].tls.crlFile"])
    }
}

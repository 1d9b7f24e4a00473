import Testing

@Suite struct UpstreamMistakeTests {
    @Test(arguments: [
        MistakeRow("credentials", nil, "missing", "\"static\""),
        MistakeRow("credentials.chime.type", nil, "missing", "\"type\": \"static\""),
        MistakeRow("credentials.chime.type", "\"magic\"", "\"magic\" is not known here", "write \"static\""),
        MistakeRow("credentials.chime.accessKeyId", nil, "missing", "AWS_ACCESS_KEY_ID"),
        MistakeRow(
            "credentials.chime.accessKeyId", "\"wJalrXUtnFEMI/K7\"", "this value is not an access key id", "goes in \"secretAccessKey\""),
        MistakeRow("credentials.chime.secretAccessKey", nil, "missing", "AWS_SECRET_ACCESS_KEY"),
        MistakeRow("credentials.chime.secretAccessKey", "12", "a number, not a string", "double quotes"),
        MistakeRow("credentials.chime.secretAccessKey", "\"canary key\"", "this value holds a space", "the key alone"),
        MistakeRow("credentials.chime.sessionToken", "\"canary\\n\"", "this value holds a space", "the key alone"),
        MistakeRow("credentials.chime.sessionToken", "null", "null is not a string", "leave the key out"),
        MistakeRow("credentials.chime.secretKey", "\"x\"", "unknown key", "known here are type, accessKeyId"),
        MistakeRow("upstreams", nil, "missing", "https://service.chime.aws.amazon.com"),
        MistakeRow("upstreams.chime.url", nil, "missing", "https://service.chime.aws.amazon.com"),
        MistakeRow("upstreams.chime.url", "\"service.chime.aws.amazon.com\"", "does not start with https:// or http://", "https://"),
        MistakeRow("upstreams.chime.url", "\"ftp://host\"", "does not start with https:// or http://", "https://"),
        MistakeRow("upstreams.chime.url", "\"https://\"", "names no host", "service.example.com"),
        MistakeRow("upstreams.chime.url", "\"https://u:p@host\"", "this value holds a user or password", "before '@'"),
        MistakeRow("upstreams.chime.url", "\"https://host/v1\"", "has a path", "scheme and host alone"),
        MistakeRow("upstreams.chime.url", "\"https://host?x\"", "has a path, query or fragment", "scheme and host alone"),
        MistakeRow("upstreams.chime.url", "\"https://host:0\"", "no good port", "1 to 65535"),
        MistakeRow("upstreams.chime.url", "\"https://ho st\"", "neither a host name nor an IP address", "service.example.com"),
        MistakeRow(
            "upstreams.chime.url", "\"http://127.0.0.1:9\"", at: "upstreams.chime.caFile", "says nothing about an http:// upstream",
            "remove it"),
        MistakeRow("upstreams.chime.service", nil, "missing", "\"service\": \"chime\""),
        MistakeRow("upstreams.chime.service", "\"chime/x\"", "is not a service", "\"chime\""),
        MistakeRow("upstreams.chime.region", nil, "missing", "\"us-east-1\""),
        MistakeRow("upstreams.chime.region", "\"US-EAST-1\"", "\"US-EAST-1\" is not a region", "small letters"),
        MistakeRow("upstreams.chime.credentials", nil, "missing", "\"credentials\": \"chime\""),
        MistakeRow("upstreams.chime.credentials", "\"chim\"", "\"chim\" is not in \"credentials\"", "did you mean \"chime\"?"),
        MistakeRow("upstreams.chime.credentials", "\"billing\"", "is not in \"credentials\"", "write \"chime\", or add it"),
        MistakeRow("upstreams.chime.connectTimeout", "\"2 s\"", "not a duration", "\"2s\""),
        MistakeRow("upstreams.chime.responseTimeout", "\"11m\"", "out of range", "1ms to 10m"),
        MistakeRow("upstreams.chime.idleTimeout", "false", "a boolean, not a string", "double quotes"),
        MistakeRow("upstreams.chime.maxConnections", "0", "0 is out of range", "1 to 10000"),
        MistakeRow("upstreams.chime.maxInFlight", "99999999999999999999", "not a whole number", "1 to 1000000"),
        MistakeRow("upstreams.chime.http2", "\"on\"", "\"on\" is not known here", "\"auto\", \"off\" or \"required\""),
        MistakeRow("upstreams.chime.http2", "true", "a boolean, not a string", "double quotes"),
        MistakeRow("upstreams.chime.pingInterval", "\"0s\"", "out of range", "1ms to 10m"),
        MistakeRow("upstreams.chime.pingTimeout", "10", "a number, not a duration", "\"10s\""),
        MistakeRow("upstreams.chime.caFile", "\"optional\"", "does not exist", "create it"),
        MistakeRow("upstreams.chime.connectTimout", "\"2s\"", "unknown key", "did you mean \"connectTimeout\"?"),
        MistakeRow("limitStore.redis", nil, "missing", "\"redis://127.0.0.1:6379\""),
        MistakeRow(
            "limitStore.redis", "\"http://cache\"", "this value does not start with redis:// or rediss://", "redis://127.0.0.1:6379"),
        MistakeRow("limitStore.redis", "\"redis://canary@cache\"", "this value has no password", "redis://:password@host"),
        MistakeRow("limitStore.redis", "\"redis://cache/one\"", "no good database", "redis://127.0.0.1:6379/0"),
        MistakeRow("limitStore.keyPrefix", "\"a b\"", "is not a key prefix", "without spaces"),
        MistakeRow("limitStore.onStoreFailure", "\"allow\"", "is not known here", "\"local\" or \"deny\""),
        MistakeRow("limitStore.timeout", "\"11s\"", "out of range", "1ms to 10s"),
        MistakeRow("drain.delay", "\"6m\"", "out of range", "0s to 5m"),
        MistakeRow("drain.timeout", "10", "a number, not a duration", "\"10s\""),
    ])
    func namesPlaceAndRemedy(row: MistakeRow) throws {
        try row.check()
    }

    @Test(arguments: ["\"off\"", "\"auto\"", nil])
    func pingsAreForHTTP2Alone(mode: String?) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        var json = try Sample.json(replacing: "upstreams.chime.http2", with: mode)
        // Over TLS `auto` may come to speak HTTP/2; in clear it does not.
        if mode != "\"off\"" { json = try Sample.json(replacing: "upstreams.chime.url", with: "\"http://127.0.0.1:9\"", in: json) }
        let mistakes = Sample.mistakes(in: json, folder: folder).filter { $0.path.hasPrefix("upstreams.chime.ping") }
        #expect(mistakes.map(\.path).sorted() == ["upstreams.chime.pingInterval", "upstreams.chime.pingTimeout"])
        #expect(mistakes.allSatisfy { $0.problem.contains("HTTP/1.1") && $0.remedy.contains("\"http2\": \"required\"") })
    }

    @Test(arguments: [
        ("credentials.chime.accessKeyId", "canary+"), ("credentials.chime.secretAccessKey", "can ary"), ("audit.subjectKey", "canary"),
        ("limitStore.redis", "redis://:canary@@host:x"), ("upstreams.chime.url", "https://canary@h"), ("callers[2].tokenSha256", "canary"),
        ("routes[0].parameters.phoneNumberId.deny[0]", "canary"),
    ])
    func aValueThatMayBeSecretIsNotRepeated(path: String, value: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: try Sample.json(replacing: path, with: "\"\(value)\""), folder: folder)
        #expect(mistakes.map(\.path) == [path])
        #expect(!"\(mistakes)".contains("canary") && !"\(mistakes)".contains("can ary"))
    }
}

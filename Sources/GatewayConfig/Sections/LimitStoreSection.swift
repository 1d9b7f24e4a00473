import GatewayCore

extension Field {
    func limitStore() -> LimitStoreSettings? {
        guard let keys = object(LimitStoreKey.self) else { return nil }
        var store = keys.required(.redis, example: "\"redis://127.0.0.1:6379\"")?.redisURL()
        if let prefix = keys[.keyPrefix]?.keyPrefix() { store?.keyPrefix = prefix }
        if let rule = keys[.onStoreFailure]?.choice(LimitStoreSettings.FailureRule.self) { store?.onStoreFailure = rule }
        if let timeout = keys[.timeout]?.duration(1_000_000...10_000_000_000) { store?.timeoutNanoseconds = timeout }
        return store
    }

    /// `redis[s]://[[user]:password@]host[:port][/database]`. Never shown, since it may hold a password.
    private func redisURL() -> LimitStoreSettings? {
        guard let value = text() else { return nil }
        do {
            let settings = try Self.redisSettings(value.text)
            if settings.password != nil { guardSecret(value) }
            return settings
        } catch {
            if value.text.contains("@") { guardSecret(value) }
            fail("\(value.hidden) \(error.problem)", error.remedy)
            return nil
        }
    }

    private static func redisSettings(_ text: String) throws(ValueProblem) -> LimitStoreSettings {
        let url = try URLText(text, schemes: ["redis", "rediss"], example: "redis://127.0.0.1:6379")
        var settings = LimitStoreSettings(
            host: url.host.host, address: url.host.address, port: url.host.port ?? 6379, usesTLS: url.scheme == "rediss")
        if let userInfo = url.userInfo {
            let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[1].isEmpty, let user = URLText.decoded(parts[0]), let password = URLText.decoded(parts[1]) else {
                throw ValueProblem(
                    "has no password before '@'", "write \"redis://:password@host\" or \"redis://user:password@host\", percent-encoded")
            }
            settings.user = user.isEmpty ? nil : user
            settings.password = Secret(password)
        }
        guard !url.rest.isEmpty, url.rest != "/" else { return settings }
        let digits = url.rest.dropFirst()
        guard url.rest.hasPrefix("/"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let database = Int(digits),
            database <= 1_000_000
        else { throw ValueProblem("has no good database after its host", "write for example \"redis://127.0.0.1:6379/0\"") }
        settings.database = database
        return settings
    }

    private func keyPrefix() -> String? {
        parsed { text throws(ValueProblem) in
            guard text.utf8.count <= 128, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValueProblem("is not a key prefix", "write at most 128 printable ASCII characters without spaces")
            }
            return text
        }
    }
}

extension Field {
    func drain() -> DrainSettings? {
        guard let keys = object(DrainKey.self) else { return nil }
        var drain = DrainSettings()
        if let delay = keys[.delay]?.duration(0...300_000_000_000) { drain.delayNanoseconds = delay }
        if let timeout = keys[.timeout]?.duration(0...3_600_000_000_000) { drain.timeoutNanoseconds = timeout }
        return drain
    }
}

import GatewayCore

/// The `type` of credentials, and the keys that mean something for it beside `type`.
private enum CredentialType: String, CaseIterable {
    case fixed = "static"
    case environment = "env"
    case profile, container, webIdentity
    case instanceMetadata = "imds"
    case assumeRole, chain

    var keys: [CredentialKey] {
        switch self {
        case .fixed: [.accessKeyId, .secretAccessKey, .sessionToken]
        case .environment, .chain: []
        case .profile: [.profile, .configFile, .credentialsFile, .stsEndpoint]
        case .container: [.uri, .tokenFile]
        case .webIdentity: [.roleArn, .tokenFile, .sessionName, .duration, .region, .stsEndpoint]
        case .instanceMetadata: [.endpoint, .role, .timeout]
        case .assumeRole: [.source, .roleArn, .sessionName, .externalId, .duration, .region, .stsEndpoint]
        }
    }
}

extension Field {
    /// - Parameter names: of all credentials, for a role's source; nil where they cannot be told.
    func credential(named name: String, among names: [String]?) -> CredentialSettings? {
        guard let keys = object(CredentialKey.self) else { return nil }
        let type = keys.required(.type, example: "\"static\"")?.choice(CredentialType.self)
        for key in CredentialKey.allCases where key != .type && type?.keys.contains(key) == false {
            let known = type?.keys.map(\.rawValue) ?? []
            keys[key]?.fail(
                "\"\(key.rawValue)\" means nothing for the type \"\(type?.rawValue ?? "")\"",
                known.isEmpty ? "remove it" : "remove it; known for this type are \(known.joined(separator: ", "))")
        }
        guard let type, let source = source(type, keys, names) else { return nil }
        return CredentialSettings(name: name, source: source)
    }

    private func source(_ type: CredentialType, _ keys: ObjectReader<CredentialKey>, _ names: [String]?) -> CredentialSettings.Source? {
        switch type {
        case .fixed:
            let accessKeyID = keys.required(.accessKeyId, example: "\"${AWS_ACCESS_KEY_ID}\"")?.accessKeyID()
            let secret = keys.required(.secretAccessKey, example: "\"${AWS_SECRET_ACCESS_KEY}\"")?.secret(Self.checkKeyText)
            let token = keys[.sessionToken]?.secret(Self.checkKeyText)
            guard let accessKeyID, let secret else { return nil }
            return .fixed(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token)
        case .environment: return .environment
        case .chain: return .chain
        case .profile:
            return .profile(
                CredentialSettings.Profile(
                    name: keys[.profile]?.text()?.text, configFile: keys[.configFile]?.filePath(),
                    credentialsFile: keys[.credentialsFile]?.filePath(), stsEndpoint: keys[.stsEndpoint]?.endpoint()))
        case .container:
            return .container(
                CredentialSettings.Container(uri: keys[.uri]?.endpoint(), tokenFile: keys[.tokenFile]?.filePath()))
        case .webIdentity:
            let file = keys.required(.tokenFile, example: "\"/var/run/secrets/eks.amazonaws.com/serviceaccount/token\"")?.filePath()
            let role = rolePlan(keys)
            guard let file, let role else { return nil }
            return .webIdentity(
                CredentialSettings.WebIdentity(role: role, tokenFile: file, stsEndpoint: keys[.stsEndpoint]?.endpoint()))
        case .instanceMetadata:
            let timeout = keys[.timeout]?.duration(1_000_000...60_000_000_000)
            return .instanceMetadata(
                CredentialSettings.InstanceMetadata(
                    endpoint: keys[.endpoint]?.endpoint(), role: keys[.role]?.text()?.text,
                    timeoutMilliseconds: timeout.map { $0 / 1_000_000 } ?? 1000))
        case .assumeRole:
            let source = keys.required(.source, example: "\"base\"")?.reference(to: "credentials", among: names)
            let role = rolePlan(keys)
            guard let source, let role else { return nil }
            return .assumeRole(
                CredentialSettings.AssumeRole(role: role, source: source, stsEndpoint: keys[.stsEndpoint]?.endpoint()))
        }
    }

    private func rolePlan(_ keys: ObjectReader<CredentialKey>) -> ProfilePlan.RolePlan? {
        let arn = keys.required(.roleArn, example: "\"arn:aws:iam::123456789012:role/phone-numbers\"")?.roleARN()
        let session = keys[.sessionName]?.matching("is not a session name", 2...64, "write 2 to 64 letters, digits or =,.@_-") {
            NameRule.isNameByte($0) || "=,@".utf8.contains($0)
        }
        let external = keys[.externalId]?.matching("is not an external id", 2...1224, "write 2 to 1,224 letters, digits or +=,.@:/_-") {
            NameRule.isNameByte($0) || "+=,@:/".utf8.contains($0)
        }
        let region = keys[.region]?.matching("is not a region", 2...64, "write for example \"us-east-1\"") {
            NameRule.isAlphanumeric($0) || $0 == UInt8(ascii: "-")
        }
        // AWS STS API reference, AssumeRole: 15 minutes to 12 hours.
        let duration = keys[.duration]?.duration(900_000_000_000...43_200_000_000_000)
        return arn.map {
            ProfilePlan.RolePlan(
                roleARN: $0, sessionName: session, externalID: external, durationSeconds: duration.map { Int($0 / 1_000_000_000) },
                region: region)
        }
    }

    private func roleARN() -> String? {
        parsed { text throws(ValueProblem) in
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard text.utf8.count <= 2048, parts.count >= 6, parts[0] == "arn", parts[5].hasPrefix("role/"),
                text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { throw ValueProblem("is not the ARN of a role", "write for example \"arn:aws:iam::123456789012:role/phone-numbers\"") }
            return text
        }
    }

    private func endpoint() -> String? {
        parsed { text throws(ValueProblem) in
            _ = try URLText(text, schemes: ["https", "http"], example: "https://sts.us-east-1.amazonaws.com")
            return text
        }
    }

    private func matching(
        _ problem: String, _ lengths: ClosedRange<Int>, _ remedy: String, _ isGood: (UInt8) -> Bool
    ) -> String? {
        parsed { text throws(ValueProblem) in
            guard lengths.contains(text.utf8.count), text.utf8.allSatisfy(isGood) else { throw ValueProblem(problem, remedy) }
            return text
        }
    }

    /// Not shown in messages: people exchange it with the secret by mistake.
    private func accessKeyID() -> String? {
        parsed(isHidden: true) { text throws(ValueProblem) in
            guard text.utf8.count <= 128, text.utf8.allSatisfy({ NameRule.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }) else {
                throw ValueProblem(
                    "is not an access key id",
                    "write at most 128 letters and digits, for example \"AKIA...\"; the secret goes in \"secretAccessKey\"")
            }
            return text
        }
    }

    /// Keys and tokens are printable ASCII without spaces; anything else came along by copying.
    private static func checkKeyText(_ text: String) throws(ValueProblem) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueProblem("holds a space, a line break or a character that no key has", "write the key alone")
        }
        guard text.utf8.count <= 16_384 else { throw ValueProblem("is longer than any key", "write the key alone") }
    }
}

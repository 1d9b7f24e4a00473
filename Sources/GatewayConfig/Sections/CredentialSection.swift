private enum CredentialType: String, CaseIterable {
    case fixed = "static"
}

extension Field {
    func credential(named name: String) -> CredentialSettings? {
        guard let keys = object(CredentialKey.self) else { return nil }
        let type = keys.required(.type, example: "\"static\"")?.choice(CredentialType.self)
        let accessKeyID = keys.required(.accessKeyId, example: "\"${AWS_ACCESS_KEY_ID}\"")?.accessKeyID()
        let secret = keys.required(.secretAccessKey, example: "\"${AWS_SECRET_ACCESS_KEY}\"")?.secret(Self.checkKeyText)
        let token = keys[.sessionToken]?.secret(Self.checkKeyText)
        guard type != nil, let accessKeyID, let secret else { return nil }
        return CredentialSettings(name: name, source: .fixed(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token))
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

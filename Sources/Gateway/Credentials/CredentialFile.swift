import GatewayConfig

/// Files that sources of credentials read.
enum CredentialFile {
    /// In bytes; more is neither a file of profiles nor a token.
    private static let limit = 1 << 20

    /// The text of a file without secrets; empty where there is none.
    static func settings(_ path: String) throws(CredentialFailure) -> String {
        try read(path).map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
    }

    /// The text of a file with secrets; empty where there is none. One that others can read is refused.
    static func secrets(_ path: String, _ environment: EnvironmentVariables) throws(CredentialFailure) -> String {
        guard let content = try read(path) else { return "" }
        guard !content.isExposed(at: path, environment: environment) else {
            throw CredentialFailure(
                "group or others can read \(path) (mode \(content.mode)), which holds a secret: run: chmod 600 \(FileReading.shellQuoted(path))"
            )
        }
        return String(decoding: content.bytes, as: UTF8.self)
    }

    /// A token without the white space around it.
    static func token(_ path: String) throws(CredentialFailure) -> String {
        guard let content = try read(path) else { throw CredentialFailure("the token file \(path) does not exist") }
        let token = String(decoding: content.bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init)
        guard let token else { throw CredentialFailure("the token file \(path) is empty") }
        return token
    }

    private static func read(_ path: String) throws(CredentialFailure) -> FileContent? {
        do {
            return try FileReading.read(path, limit: limit, takesPipes: false)
        } catch {
            if error.isMissing { return nil }
            throw CredentialFailure("\(path) \(error.problem): \(error.remedy)")
        }
    }
}

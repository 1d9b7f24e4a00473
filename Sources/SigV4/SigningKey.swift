import Digests

/// Stage three of a signature: the key that one credential scope is signed with. As good as the secret for that day, so it has
/// no description.
public struct SigningKey: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Four HMACs in a row: day, region, service, `aws4_request`, starting from `AWS4` and the secret.
    public init(secretAccessKey: String, scope: CredentialScope) throws(DigestError) {
        var key = Array("AWS4".utf8) + secretAccessKey.utf8
        for part in [scope.day, scope.region, scope.service, CredentialScope.termination] {
            key = try HMACSHA256.authenticate(Array(part.utf8), key: key)
        }
        bytes = key
    }

    public var description: String { "SigningKey(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Signing keys already derived, one for each access key, secret, day, region and service. Not `Sendable`: one for each event loop.
public final class SigningKeyCache {
    private struct Entry: Hashable {
        let accessKeyID: String
        let secretAccessKey: String
        let scope: CredentialScope
    }

    private var keys: [Entry: SigningKey] = [:]
    private let capacity: Int

    /// Holds up to `capacity` keys, at least 1; when it is full, keys of other days than the one asked for go first.
    public init(capacity: Int = 64) {
        self.capacity = max(capacity, 1)
    }

    public var count: Int { keys.count }

    public func key(for credentials: Credentials, scope: CredentialScope) throws(DigestError) -> SigningKey {
        let entry = Entry(accessKeyID: credentials.accessKeyID, secretAccessKey: credentials.secretAccessKey, scope: scope)
        if let key = keys[entry] { return key }
        let key = try SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
        if keys.count >= capacity { keys = keys.filter { $0.key.scope.day == scope.day } }
        if keys.count >= capacity { keys.removeAll(keepingCapacity: true) }
        keys[entry] = key
        return key
    }
}

import Digests

/// Stage three of a signature: the key that one credential scope is signed with. As good as the secret for that day, so it has
/// no description.
public struct SigningKey: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// 32 bytes.
    public let bytes: SecretBytes

    /// Four HMACs in a row: day, region, service, `aws4_request`, starting from `AWS4` and the secret.
    public init(secretAccessKey: SecretBytes, scope: CredentialScope) throws(DigestError) {
        var key: [UInt8] = []
        // Room first: an array that grows leaves its bytes behind.
        key.reserveCapacity(4 + secretAccessKey.count)
        key.append(contentsOf: "AWS4".utf8)
        secretAccessKey.withUnsafeBytes { key.append(contentsOf: $0) }
        defer { SecretMemory.cleanse(&key) }
        for part in [scope.day, scope.region, scope.service, CredentialScope.termination] {
            let next = try HMACSHA256.authenticate(Array(part.utf8), key: key)
            SecretMemory.cleanse(&key)
            key = next
        }
        bytes = SecretBytes(key)
    }

    public init(secretAccessKey: String, scope: CredentialScope) throws(DigestError) {
        try self.init(secretAccessKey: SecretBytes(secretAccessKey), scope: scope)
    }

    public var description: String { "SigningKey(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Signing keys already derived, one for each access key, day, region and service; a new secret takes the place of the old one. Not `Sendable`: one for each event loop.
public final class SigningKeyCache {
    private struct Entry: Hashable {
        let accessKeyID: String
        let scope: CredentialScope
    }

    /// The secret is compared, not hashed: it stays where it is.
    private var keys: [Entry: (secret: SecretBytes, key: SigningKey)] = [:]
    private let capacity: Int

    /// Holds up to `capacity` keys, at least 1; when it is full, keys of other days than the one asked for go first.
    public init(capacity: Int = 64) {
        self.capacity = max(capacity, 1)
    }

    public var count: Int { keys.count }

    public func key(for credentials: Credentials, scope: CredentialScope) throws(DigestError) -> SigningKey {
        let entry = Entry(accessKeyID: credentials.accessKeyID, scope: scope)
        if let kept = keys[entry], kept.secret == credentials.secretAccessKey { return kept.key }
        let key = try SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
        if keys.count >= capacity { keys = keys.filter { $0.key.scope.day == scope.day } }
        if keys.count >= capacity { keys.removeAll(keepingCapacity: true) }
        keys[entry] = (credentials.secretAccessKey, key)
        return key
    }
}

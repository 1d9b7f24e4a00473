import Digests

/// An AWS access key: what a request is signed with.
///
/// A class, though immutable, so that a signer can tell by identity alone that the key is still the one it prepared for. Its
/// secret parts never appear in a description or a mirror.
public final class Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `AKIA…` or `ASIA…`; no secret, it stands in every signed request.
    public let accessKeyID: String
    /// In `SecretMemory`.
    public let secretAccessKey: SecretBytes
    /// Present with temporary credentials only (AWS STS); travels as `X-Amz-Security-Token`, so it stands in every message anyway.
    public let sessionToken: String?

    /// An empty `sessionToken` counts as none.
    public convenience init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.init(accessKeyID: accessKeyID, secretAccessKey: SecretBytes(secretAccessKey), sessionToken: sessionToken)
    }

    /// An empty `sessionToken` counts as none.
    public init(accessKeyID: String, secretAccessKey: SecretBytes, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken.flatMap { $0.isEmpty ? nil : $0 }
    }

    public static func == (left: Credentials, right: Credentials) -> Bool {
        left.accessKeyID == right.accessKeyID && left.secretAccessKey == right.secretAccessKey && left.sessionToken == right.sessionToken
    }

    public var description: String { "Credentials(accessKeyID: \(accessKeyID), secretAccessKey: redacted)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID], displayStyle: .class) }
}

import Digests

/// Bytes that must not be shown: a secret access key, a session token, a pseudonym key, a store's password.
///
/// They lie in `SecretMemory`. Every description is `<redacted>`; whoever needs the bytes asks for them by name, so that each use can be found.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself, where it is kept.
    public let bytes: SecretBytes

    public init(_ bytes: [UInt8]) {
        self.bytes = SecretBytes(bytes)
    }

    public init(_ text: String) {
        self.bytes = SecretBytes(text)
    }

    /// A copy of the secret in ordinary memory, to be sent.
    public var revealedBytes: [UInt8] { bytes.withUnsafeBytes { Array($0) } }
    /// A copy of the secret in ordinary memory, as text to be sent.
    public var revealedText: String { bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    /// `dump` and string interpolation of a holder look through mirrors: this one is blank.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

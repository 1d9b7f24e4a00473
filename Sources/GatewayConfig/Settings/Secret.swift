/// Bytes that must not be shown: a secret access key, a session token, a pseudonym key, a store's password.
///
/// Every description is `<redacted>`; whoever needs the bytes asks for them by name, so that each use can be found.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// The secret itself.
    public var revealedBytes: [UInt8] { bytes }
    /// The secret itself as text.
    public var revealedText: String { String(decoding: bytes, as: UTF8.self) }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    /// `dump` and string interpolation of a holder look through mirrors: this one is blank.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

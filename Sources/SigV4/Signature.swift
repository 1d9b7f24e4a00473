import Digests

/// The last stage: the HMAC of the string to sign under the signing key. Its description is redacted; ask for `hex` where it is to be sent.
public struct Signature: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// 32 bytes.
    public let bytes: [UInt8]

    public init(_ stringToSign: StringToSign, key: SigningKey) throws(DigestError) {
        bytes = try HMACSHA256.authenticate(stringToSign.bytes, key: key.bytes)
    }

    /// 64 lower-case digits.
    public var hex: String { Hex.string(bytes) }

    /// In constant time.
    public static func == (left: Signature, right: Signature) -> Bool { ConstantTime.equal(left.bytes, right.bytes) }

    public var description: String { "Signature(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

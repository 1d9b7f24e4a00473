import Digests

/// The last line of a canonical request: the body's hash, or one of the words that stand for it.
public struct PayloadHash: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// A value from elsewhere, for example what an `X-Amz-Content-Sha256` field holds.
    public init(text: String) { self.text = text }

    /// The lower-case hex SHA-256 of `body`.
    public static func sha256(of body: [UInt8]) throws(DigestError) -> PayloadHash {
        body.isEmpty ? .empty : PayloadHash(text: Hex.string(try SHA256.hash(body)))
    }

    /// The hash of no bytes at all, 64 hex digits; as a `StaticString`, so that the hot path has its bytes at hand.
    public static let emptyHex: StaticString = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    public static let empty = PayloadHash(text: emptyHex.description)
    /// The body is not covered by the signature; for services that allow it, over TLS.
    public static let unsigned = PayloadHash(text: "UNSIGNED-PAYLOAD")
    /// The body is sent in chunks that are signed one by one, starting from this request's signature.
    public static let streaming = PayloadHash(text: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    public static let streamingWithTrailer = PayloadHash(text: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
    public static let streamingUnsignedWithTrailer = PayloadHash(text: "STREAMING-UNSIGNED-PAYLOAD-TRAILER")

    public var description: String { text }
}

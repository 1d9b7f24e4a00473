import Digests

/// Stage two of a signature: algorithm, time, scope and the hash of the canonical request.
public struct StringToSign: Sendable, Hashable, CustomStringConvertible {
    public static let algorithm = "AWS4-HMAC-SHA256"

    public let text: String

    public init(_ canonicalRequest: CanonicalRequest, time: SigningTime, scope: CredentialScope) throws(DigestError) {
        let hash = Hex.string(try SHA256.hash(canonicalRequest.bytes))
        text = "\(StringToSign.algorithm)\n\(time.text)\n\(scope.text)\n\(hash)"
    }

    public var bytes: [UInt8] { Array(text.utf8) }
    public var description: String { text }
}

/// Why a TLS context could not be built or a TLS connection ended. `sentence` is for people: it names files, host names and
/// certificates, never keys or payload.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The certificate is good but for other names (RFC 9525).
        case wrongName
        case expired
        case notYetValid
        /// The chain ends at a self-signed certificate that is not a trust anchor.
        case selfSigned
        /// No trust anchor issued the chain.
        case unknownIssuer
        case revoked
        /// No current CRL covers a certificate although revocation is checked.
        case revocationUnknown
        /// The extended key usage does not allow the certificate here.
        case wrongPurpose
        /// Any other fault of a certificate: bad signature, unsafe names, weak key.
        case invalidCertificate
        case noClientCertificate
        /// No TLS version in common.
        case versionMismatch
        /// No cipher suite, group or signature algorithm in common.
        case cipherMismatch
        /// No application protocol in common (RFC 7301 section 3.2).
        case protocolMismatch
        /// The first bytes are not a TLS record.
        case notTLS
        /// The peer ended the connection with this fatal alert (RFC 8446 section 6).
        case alertReceived(UInt8)
        /// The transport ended before the handshake did.
        case closedDuringHandshake
        /// The handshake did not end in the time that it had.
        case handshakeTimeout
        /// The transport ended without close_notify (RFC 8446 section 6.1): what was read may lack its end.
        case truncated
        /// The peer tried to renegotiate, which is never allowed.
        case renegotiation
        /// More bytes than a bound allows.
        case limitExceeded
        /// A record or message that breaks the protocol, a failed integrity check included.
        case protocolViolation
        /// A file or setting from which no context can be built.
        case configuration
        /// OpenSSL failed by itself, for example for want of memory.
        case fault
    }

    public let kind: Kind
    public let sentence: String

    public init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    public var description: String { sentence }
}

/// The protocol versions that are spoken.
public enum TLSVersion: Int32, Sendable, Comparable, CustomStringConvertible {
    case tls12 = 0x0303
    case tls13 = 0x0304

    public static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.rawValue < right.rawValue }

    public var description: String { self == .tls12 ? "TLSv1.2" : "TLSv1.3" }
}

/// Which end of a connection we are.
enum TLSRole: Sendable {
    case client
    case server

    /// What the other end is called in sentences.
    var peer: String { self == .client ? "server" : "client" }
}

/// Who stands at the other end of a connection, as the kernel and the TLS handshake say it.
public struct Peer: Sendable, Equatable {
    public enum Address: Sendable, Equatable {
        case ip(IPAddress)
        /// From `SO_PEERCRED`.
        case unix(userID: UInt32, groupID: UInt32)
    }

    public var address: Address
    /// For the audit record: `127.0.0.1:50514`, `[::1]:50514` or `unix:uid=1001,gid=1001,pid=77`.
    public var source: [UInt8]
    /// What the client certificate says, if one was verified.
    public var certificate: PeerCertificate?

    public init(address: Address, source: [UInt8], certificate: PeerCertificate? = nil) {
        self.address = address
        self.source = source
        self.certificate = certificate
    }

    public var isLocal: Bool {
        switch address {
        case .ip(let address): address.isLoopback
        case .unix: true
        }
    }
}

/// The names in a client certificate that the TLS handshake has verified. A class, so that each request of a connection counts one reference.
public final class PeerCertificate: Sendable, Equatable {
    /// The only SPIFFE URI; nil where there is none.
    public let spiffeID: String?
    /// It has several URI names, one of them a SPIFFE ID, and could be two callers (X.509-SVID section 2).
    public let hasSeveralIDs: Bool
    /// DNS entries of the subject alternative name, in lower case.
    public let dnsNames: [String]
    /// The subject as RFC 2253 writes it: `CN=billing,O=Example`. May be empty.
    public let subject: String

    public init(spiffeID: String? = nil, hasSeveralIDs: Bool = false, dnsNames: [String] = [], subject: String = "") {
        self.spiffeID = spiffeID
        self.hasSeveralIDs = hasSeveralIDs
        self.dnsNames = dnsNames.map { $0.lowercased() }
        self.subject = subject
    }

    public static func == (left: PeerCertificate, right: PeerCertificate) -> Bool {
        left.spiffeID == right.spiffeID && left.hasSeveralIDs == right.hasSeveralIDs && left.dnsNames == right.dnsNames
            && left.subject == right.subject
    }
}

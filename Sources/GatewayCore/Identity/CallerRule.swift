/// How a caller showed who it is, strongest first; stands in the audit record.
public enum CallerProof: String, Sendable, CaseIterable {
    /// All proofs of its `allOf`; the record names them: `spiffe+token`.
    case combination = "allOf"
    case certificate = "spiffe"
    case dnsName = "dnsSan"
    case subject
    case token
    case unixUser = "unixUid"
    case unixGroup = "unixGid"
    case network
    /// No callers are configured and the peer is on this machine.
    case local
}

/// One of several proofs that a caller needs together.
public enum RequiredProof: Sendable, Equatable {
    case spiffeID(String)
    case dnsName(String)
    case subject(String)
    /// SHA-256 of the token, 32 bytes.
    case token([UInt8])
    case unixUser(UInt32)
    case unixGroup(UInt32)
    /// Any of these.
    case networks([NetworkPrefix])

    public var proof: CallerProof {
        switch self {
        case .spiffeID: .certificate
        case .dnsName: .dnsName
        case .subject: .subject
        case .token: .token
        case .unixUser: .unixUser
        case .unixGroup: .unixGroup
        case .networks: .network
        }
    }
}

/// One entry of `callers` in the configuration: a name and the proofs of it, any one of which is enough, or all of `allOf`.
public struct CallerRule: Sendable, Equatable {
    public var name: String
    public var networks: [NetworkPrefix]
    public var unixUserID: UInt32?
    public var unixGroupID: UInt32?
    /// SHA-256 of the caller's token, 32 bytes.
    public var tokenDigest: [UInt8]?
    /// The one SPIFFE URI that its client certificate carries.
    public var spiffeID: String?
    /// A DNS name in its client certificate, in lower case.
    public var dnsName: String?
    /// The subject of its client certificate as RFC 2253 writes it.
    public var subject: String?
    /// Where this is not empty there is no other proof, and all of these are needed.
    public var allOf: [RequiredProof]

    public init(
        name: String, networks: [NetworkPrefix] = [], unixUserID: UInt32? = nil, unixGroupID: UInt32? = nil,
        tokenDigest: [UInt8]? = nil, spiffeID: String? = nil, dnsName: String? = nil, subject: String? = nil, allOf: [RequiredProof] = []
    ) {
        self.name = name
        self.networks = networks
        self.unixUserID = unixUserID
        self.unixGroupID = unixGroupID
        self.tokenDigest = tokenDigest
        self.spiffeID = spiffeID
        self.dnsName = dnsName
        self.subject = subject
        self.allOf = allOf
    }
}

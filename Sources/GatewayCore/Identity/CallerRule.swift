/// One entry of `callers` in the configuration: a name and the proofs of it, any one of which is enough.
public struct CallerRule: Sendable, Equatable {
    public var name: String
    public var networks: [NetworkPrefix]
    public var unixUserID: UInt32?
    public var unixGroupID: UInt32?
    /// SHA-256 of the caller's token, 32 bytes.
    public var tokenDigest: [UInt8]?
    /// The one SPIFFE URI that its client certificate carries.
    public var spiffeID: String?

    public init(
        name: String, networks: [NetworkPrefix] = [], unixUserID: UInt32? = nil, unixGroupID: UInt32? = nil,
        tokenDigest: [UInt8]? = nil, spiffeID: String? = nil
    ) {
        self.name = name
        self.networks = networks
        self.unixUserID = unixUserID
        self.unixGroupID = unixGroupID
        self.tokenDigest = tokenDigest
        self.spiffeID = spiffeID
    }
}

import Digests

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
    /// The only SPIFFE URI of the client certificate, if one was verified.
    public var spiffeID: String?

    public init(address: Address, source: [UInt8], spiffeID: String? = nil) {
        self.address = address
        self.source = source
        self.spiffeID = spiffeID
    }

    var isLocal: Bool {
        switch address {
        case .ip(let address): address.isLoopback
        case .unix: true
        }
    }
}

/// How a caller showed who it is, strongest first; stands in the audit record.
public enum CallerProof: String, Sendable, CaseIterable {
    case certificate = "spiffe"
    case token
    case unixUser = "unixUid"
    case unixGroup = "unixGid"
    case network
    /// No callers are configured and the peer is on this machine.
    case local
}

/// A request whose caller is known. Made by `CallerTable` alone.
public struct IdentifiedRequest: Sendable {
    /// Index into the caller table; limits count by it.
    public let caller: Int
    public let proof: CallerProof

    fileprivate init(caller: Int, proof: CallerProof) {
        self.caller = caller
        self.proof = proof
    }
}

/// All callers of a configuration, and the rule that finds one of them.
public struct CallerTable: Sendable {
    public let names: [String]
    private let rules: [CallerRule]
    private let acceptsLocalPeers: Bool
    private let hasTokens: Bool

    /// With `rules` nil, peers on this machine are all the caller `local` and nobody else is served (contract section 2).
    public init(rules: [CallerRule]?) {
        self.rules = rules ?? []
        acceptsLocalPeers = rules == nil
        names = rules.map { $0.map(\.name) } ?? ["local"]
        hasTokens = self.rules.contains { $0.tokenDigest != nil }
    }

    /// Decides who sent a request. The strongest proof wins: certificate, token, unix user, unix group, network.
    ///
    /// A token that is shown and matches nobody refuses the request even where its network alone would do: a mistyped secret must not
    /// quietly become a weaker identity. `Authorization` schemes other than `Bearer` (an SDK's own signature) are no proof and no offence.
    ///
    /// - Parameter sha256: hashes the token into 32 bytes; comparison is constant-time over every configured digest.
    public func identify(_ head: RequestHead, from peer: Peer, sha256: SHA256Context) -> Decision<IdentifiedRequest> {
        if acceptsLocalPeers {
            return peer.isLocal ? .granted(IdentifiedRequest(caller: 0, proof: .local)) : .refused(Self.unknown)
        }
        if let spiffeID = peer.spiffeID, let caller = rules.firstIndex(where: { $0.spiffeID == spiffeID }) {
            return .granted(IdentifiedRequest(caller: caller, proof: .certificate))
        }
        if hasTokens, let token = Self.token(in: head) {
            var digest = [UInt8](repeating: 0, count: SHA256Context.byteCount)
            digest.withUnsafeMutableBytes { output in
                guard let output = output.baseAddress else { return }
                _ = head.fields.withBytes(token) { sha256.digest($0, into: output) }
            }
            // A digest that could not be computed is all zeros or stale: it proves nothing.
            if sha256.hasFailed { return .refused(Self.wrongToken) }
            var found: Int?
            for (index, rule) in rules.enumerated() {
                // Every digest is compared, so that the time taken does not tell which caller came close.
                if let expected = rule.tokenDigest, ConstantTime.equal(expected, digest), found == nil { found = index }
            }
            guard let found else { return .refused(Self.wrongToken) }
            return .granted(IdentifiedRequest(caller: found, proof: .token))
        }
        switch peer.address {
        case .unix(let userID, let groupID):
            if let caller = rules.firstIndex(where: { $0.unixUserID == userID }) {
                return .granted(IdentifiedRequest(caller: caller, proof: .unixUser))
            }
            if let caller = rules.firstIndex(where: { $0.unixGroupID == groupID }) {
                return .granted(IdentifiedRequest(caller: caller, proof: .unixGroup))
            }
        case .ip(let address):
            // The narrowest network wins, so that a host can be named inside a network that is named too.
            var best: (caller: Int, length: Int)?
            for (index, rule) in rules.enumerated() {
                for network in rule.networks where network.contains(address) && network.length > (best?.length ?? -1) {
                    best = (index, network.length)
                }
            }
            if let best { return .granted(IdentifiedRequest(caller: best.caller, proof: .network)) }
        }
        return .refused(Self.unknown)
    }

    /// `x-countersign-token: …`, else `Authorization: Bearer …` (RFC 6750 section 2.1).
    private static func token(in head: RequestHead) -> ByteRange? {
        if let line = head.fields.first(.countersignToken) { return line.value }
        guard let line = head.fields.first(.authorization), line.value.count >= 6 else { return nil }
        let start = Int(line.value.start)
        let end = Int(line.value.end)
        guard head.fields.withBytes(ByteRange(start, start + 6), { ASCII.equalsIgnoringCase($0, "bearer") }) else { return nil }
        // The scheme alone is an empty token: a variable that was not set must not become a weaker identity either.
        if end == start + 6 { return ByteRange(end, end) }
        return head.fields.bytes[start + 6] == UInt8(ascii: " ") ? ByteRange(start + 7, end) : nil
    }

    private static let unknown = Refusal(
        .unauthorized, "caller/unknown",
        "This caller is not recognised: call from a configured network or unix user, or send a token that an operator registered for you.")
    private static let wrongToken = Refusal(
        .unauthorized, "caller/token",
        "The caller token is not recognised: send the token that an operator registered (x-countersign-token, or Authorization: Bearer).")
}

import Digests

/// A request whose caller is known. Made by `CallerTable` alone.
public struct IdentifiedRequest: Sendable {
    /// Index into the caller table; limits count by it.
    public let caller: Int
    /// nil where nobody is recognised and the policy is only reported (`"mode": "report"`).
    public let proof: CallerProof?

    fileprivate init(caller: Int, proof: CallerProof?) {
        self.caller = caller
        self.proof = proof
    }
}

/// All callers of a configuration, and the rule that finds one of them.
public struct CallerTable: Sendable {
    public let names: [String]
    private let rules: [CallerRule]
    /// Positions of the rules with `allOf`: those with most proofs first, then as they are written.
    private let combinations: [Int]
    private let acceptsLocalPeers: Bool
    private let hasTokens: Bool
    private let hasCertificates: Bool
    private let reportsUnknown: Bool

    /// What limits and metrics call those who are let through though nobody knows them.
    public static let unrecognised = "unrecognised"

    /// With `rules` nil, peers on this machine are all the caller `local` and nobody else is served (contract section 2).
    ///
    /// - Parameter reportsUnknown: whether those whom no rule names are let through to routes that only report: peers on this machine, and
    ///   peers with a verified certificate. All others stay refused: a mode for trying a policy out must not open a network.
    public init(rules: [CallerRule]?, reportsUnknown: Bool = false) {
        self.rules = rules ?? []
        acceptsLocalPeers = rules == nil
        names = rules.map { $0.map(\.name) } ?? ["local"]
        let counts = self.rules.map(\.allOf.count)
        combinations = counts.indices.filter { counts[$0] > 0 }.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
        hasTokens = self.rules.contains { rule in
            rule.tokenDigest != nil || rule.allOf.contains { $0.proof == .token }
        }
        hasCertificates = self.rules.contains { $0.spiffeID != nil || $0.dnsName != nil || $0.subject != nil }
        self.reportsUnknown = reportsUnknown
    }

    /// What the audit record says of a caller's proof.
    public func words(for proof: CallerProof, of caller: Int) -> String {
        guard proof == .combination, rules.indices.contains(caller) else { return proof.rawValue }
        return rules[caller].allOf.map(\.proof.rawValue).joined(separator: "+")
    }

    /// Decides who sent a request. The strongest proof wins: several together, certificate, token, unix user, unix group, network.
    ///
    /// A token that is shown and matches nobody refuses the request even where its network alone would do: a mistyped secret must not
    /// quietly become a weaker identity. `Authorization` schemes other than `Bearer` (an SDK's own signature) are no proof and no offence.
    ///
    /// - Parameter sha256: hashes the token into 32 bytes; comparison is constant-time over every configured digest.
    public func identify(_ head: RequestHead, from peer: Peer, sha256: SHA256Context) -> Decision<IdentifiedRequest> {
        if let certificate = peer.certificate, certificate.hasSeveralIDs { return .refused(Self.severalIDs) }
        if acceptsLocalPeers {
            return peer.isLocal ? .granted(IdentifiedRequest(caller: 0, proof: .local)) : .refused(Self.unknown)
        }
        var token: PresentedToken?
        if !combinations.isEmpty {
            token = present(head, sha256)
            if let caller = combinations.first(where: { satisfies(rules[$0].allOf, peer, token) }) {
                return .granted(IdentifiedRequest(caller: caller, proof: .combination))
            }
        }
        if hasCertificates, let certificate = peer.certificate, let decision = identify(by: certificate) { return decision }
        if hasTokens, let token = token ?? present(head, sha256) { return identify(by: token) }
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
        if showsPart(peer) { return .refused(Self.incomplete) }
        if reportsUnknown, peer.isLocal || peer.certificate != nil {
            return .granted(IdentifiedRequest(caller: names.count, proof: nil))
        }
        return .refused(Self.unknown)
    }

    // MARK: - Certificates

    /// SPIFFE ID, then DNS names, then the subject. nil where it names nobody, which is no offence: whether a certificate must be shown at
    /// all is the listener's rule.
    private func identify(by certificate: PeerCertificate) -> Decision<IdentifiedRequest>? {
        if let spiffeID = certificate.spiffeID, let caller = rules.firstIndex(where: { $0.spiffeID == spiffeID }) {
            return .granted(IdentifiedRequest(caller: caller, proof: .certificate))
        }
        var found: Int?
        for (index, rule) in rules.enumerated() {
            guard let name = rule.dnsName, certificate.dnsNames.contains(name) else { continue }
            // It could be either, so it is neither.
            if found != nil { return .refused(Self.severalIDs) }
            found = index
        }
        if let found { return .granted(IdentifiedRequest(caller: found, proof: .dnsName)) }
        if !certificate.subject.isEmpty, let caller = rules.firstIndex(where: { $0.subject == certificate.subject }) {
            return .granted(IdentifiedRequest(caller: caller, proof: .subject))
        }
        return nil
    }

    // MARK: - Tokens

    private enum PresentedToken {
        case digest([UInt8])
        /// It could not be hashed, so it proves nothing.
        case unreadable
    }

    /// nil where none is shown.
    private func present(_ head: RequestHead, _ sha256: SHA256Context) -> PresentedToken? {
        guard hasTokens, let token = Self.token(in: head) else { return nil }
        var digest = [UInt8](repeating: 0, count: SHA256Context.byteCount)
        digest.withUnsafeMutableBytes { output in
            guard let output = output.baseAddress else { return }
            _ = head.fields.withBytes(token) { sha256.digest($0, into: output) }
        }
        // A digest that could not be computed is all zeros or stale.
        return sha256.hasFailed ? .unreadable : .digest(digest)
    }

    private func identify(by token: PresentedToken) -> Decision<IdentifiedRequest> {
        guard case .digest(let digest) = token else { return .refused(Self.wrongToken) }
        var found: Int?
        var isPart = false
        for (index, rule) in rules.enumerated() {
            // Every digest is compared, so that the time taken does not tell which caller came close.
            if let expected = rule.tokenDigest, ConstantTime.equal(expected, digest), found == nil { found = index }
            for case .token(let expected) in rule.allOf where ConstantTime.equal(expected, digest) { isPart = true }
        }
        if let found { return .granted(IdentifiedRequest(caller: found, proof: .token)) }
        return .refused(isPart ? Self.incomplete : Self.wrongToken)
    }

    private func satisfies(_ required: [RequiredProof], _ peer: Peer, _ token: PresentedToken?) -> Bool {
        required.allSatisfy { proof in
            switch (proof, peer.address) {
            case (.spiffeID(let id), _): peer.certificate?.spiffeID == id
            case (.dnsName(let name), _): peer.certificate?.dnsNames.contains(name) == true
            case (.subject(let subject), _): peer.certificate?.subject == subject
            case (.token(let expected), _):
                if case .digest(let digest) = token { ConstantTime.equal(expected, digest) } else { false }
            case (.unixUser(let id), .unix(let userID, _)): id == userID
            case (.unixGroup(let id), .unix(_, let groupID)): id == groupID
            case (.networks(let networks), .ip(let address)): networks.contains { $0.contains(address) }
            case (.unixUser, .ip), (.unixGroup, .ip), (.networks, .unix): false
            }
        }
    }

    /// Whether the peer has one of the proofs that a caller needs together. A network is a place, which alone is nobody's proof.
    private func showsPart(_ peer: Peer) -> Bool {
        combinations.contains { position in
            rules[position].allOf.contains { $0.proof != .network && satisfies([$0], peer, nil) }
        }
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

    public static let unknown = Refusal(
        .unauthorized, "caller/unknown",
        "This caller is not recognised: call from a configured network or unix user, or send a token that an operator registered for you.")
    private static let wrongToken = Refusal(
        .unauthorized, "caller/token",
        "The caller token is not recognised: send the token that an operator registered (x-countersign-token, or Authorization: Bearer).")
    private static let incomplete = Refusal(
        .unauthorized, "caller/incomplete",
        "This caller needs another proof beside the one it brings: the token, the client certificate or the place that an operator registered."
    )
    private static let severalIDs = Refusal(
        .unauthorized, "caller/certificate",
        "The client certificate could be several callers: use one with exactly one SPIFFE ID, and DNS names of one caller.")
}

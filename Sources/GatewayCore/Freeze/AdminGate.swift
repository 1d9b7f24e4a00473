import Digests

/// Whether a request may change what the gateway does: from this machine, not from a browser's page of somebody else, with the token.
public struct AdminGate: Sendable {
    /// What a request shows.
    public struct Evidence: Sendable {
        public var peer: Peer?
        /// The values of the `Host` field lines.
        public var hosts: [String]
        public var origin: String?
        public var fetchSite: String?
        public var authorization: String?

        public init(peer: Peer?, hosts: [String], origin: String? = nil, fetchSite: String? = nil, authorization: String? = nil) {
            self.peer = peer
            self.hosts = hosts
            self.origin = origin
            self.fetchSite = fetchSite
            self.authorization = authorization
        }
    }

    /// A status and a sentence for the operator.
    public struct Denial: Error, Sendable, Equatable {
        public var status: Int
        public var text: String
    }

    private let tokenDigest: [UInt8]?

    /// - Parameter tokenDigest: SHA-256 of the token, 32 bytes; nil: nobody may.
    public init(tokenDigest: [UInt8]?) { self.tokenDigest = tokenDigest }

    /// Nil where it may. The token comes last, so that nothing about it is told to whoever may not even try.
    public func denial(_ evidence: Evidence) throws(DigestError) -> Denial? {
        guard let peer = evidence.peer, peer.isLocal else {
            return Denial(
                status: 403, text: "Only this machine may do that: connect over loopback or the unix socket of the admin listener.")
        }
        if !AdminGate.isOfNoPage(evidence) {
            return Denial(status: 403, text: "This came from a page of another site in a browser, which may not do that.")
        }
        if case .ip = peer.address, !AdminGate.namesThisMachine(evidence.hosts) {
            return Denial(status: 403, text: "Host must name this machine: localhost, 127.0.0.1 or [::1], and a port.")
        }
        guard let tokenDigest else {
            return Denial(
                status: 403,
                text: "No token is configured, so nobody may do that: add \"tokenSha256\" to \"admin\" (countersign hash-token makes it).")
        }
        guard let token = AdminGate.bearerToken(evidence.authorization) else {
            return Denial(status: 401, text: "The token is missing: send it as Authorization: Bearer TOKEN.")
        }
        guard ConstantTime.equal(try SHA256.hash(token), tokenDigest) else {
            return Denial(status: 401, text: "This is not the token of \"admin.tokenSha256\".")
        }
        return nil
    }

    /// Browsers mark what a page of another site sends (Fetch Standard, `Origin`; Fetch Metadata, `Sec-Fetch-Site`).
    private static func isOfNoPage(_ evidence: Evidence) -> Bool {
        if let origin = evidence.origin, evidence.hosts.first.map({ origin == "http://" + $0 }) != true { return false }
        return evidence.fetchSite.map { ["same-origin", "none"].contains($0) } ?? true
    }

    /// A name of somebody else's that leads here (DNS rebinding) makes a browser take their page for ours.
    public static func namesThisMachine(_ hosts: [String]) -> Bool {
        guard hosts.count == 1, let host = hosts.first?.lowercased() else { return false }
        if let end = host.firstIndex(of: "]"), host.hasPrefix("[") {
            return isLoopback(String(host[host.index(after: host.startIndex)..<end]))
        }
        let name = String(host.prefix { $0 != ":" })
        return name == "localhost" || isLoopback(name)
    }

    private static func isLoopback(_ text: String) -> Bool { IPAddress(text)?.isLoopback == true }

    private static func bearerToken(_ field: String?) -> [UInt8]? {
        guard let field, field.utf8.count <= 4096 else { return nil }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].isEmpty else { return nil }
        return Array(parts[1].utf8)
    }
}

import GatewayCore
import NIOHTTP1

/// A request of the admin listener.
struct AdminRequest: Sendable {
    var method: String
    var path: String
    /// The target's query, and with POST the form of the body.
    var query: AdminQuery
    var evidence: AdminGate.Evidence
    var isTooLarge = false

    /// More than any reason needs, in bytes.
    static let mostBodyBytes = 8192

    init(method: String, path: String, query: AdminQuery = AdminQuery(""), peer: Peer? = nil, host: String = "localhost") {
        self.method = method
        self.path = path
        self.query = query
        evidence = AdminGate.Evidence(peer: peer, hosts: [host])
    }

    init(_ head: HTTPRequestHead, body: String, isTooLarge: Bool, peer: Peer?) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        method = head.method.rawValue
        path = parts.first.map(String.init) ?? "/"
        let texts = [parts.count > 1 ? String(parts[1]) : "", head.method == .POST ? body : ""]
        query = AdminQuery(texts.filter { !$0.isEmpty }.joined(separator: "&"))
        evidence = AdminGate.Evidence(
            peer: peer, hosts: head.headers["host"], origin: head.headers.first(name: "origin"),
            fetchSite: head.headers.first(name: "sec-fetch-site"), authorization: head.headers.first(name: "authorization"))
        self.isTooLarge = isTooLarge
    }
}

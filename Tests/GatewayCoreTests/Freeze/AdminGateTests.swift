import Digests
import Testing

@testable import GatewayCore

@Suite struct AdminGateTests {
    static let local = Peer(address: .ip(IPAddress(v4: 0x7F00_0001)), source: [])
    static let remote = Peer(address: .ip(IPAddress(v4: 0x0A00_0001)), source: [])
    static let unix = Peer(address: .unix(userID: 1, groupID: 1), source: [])

    struct Row: Sendable {
        var peer: Peer? = local
        var hosts = ["localhost:9901"]
        var origin: String?
        var site: String?
        var field: String? = "Bearer secret"
        var hasToken = true
        var status: Int?
    }

    @Test(arguments: [
        Row(), Row(peer: unix), Row(peer: unix, hosts: ["anything"]), Row(hosts: ["127.0.0.1"]), Row(hosts: ["[::1]:9901"]),
        Row(hosts: ["127.8.8.8:1"]), Row(hosts: ["LOCALHOST"]), Row(origin: "http://localhost:9901", site: "same-origin"),
        Row(site: "none"), Row(field: "bearer secret"), Row(peer: nil, status: 403), Row(peer: remote, status: 403),
        Row(hosts: [], status: 403), Row(hosts: ["localhost", "localhost"], status: 403), Row(hosts: ["evil.example"], status: 403),
        Row(hosts: ["localhost.evil.example"], status: 403), Row(hosts: ["127.0.0.1.evil.example"], status: 403),
        Row(hosts: ["10.0.0.1:9901"], status: 403), Row(hosts: ["[::2]"], status: 403), Row(origin: "null", status: 403),
        Row(origin: "http://evil.example", status: 403), Row(origin: "https://localhost:9901", status: 403),
        Row(peer: unix, origin: "http://evil.example", status: 403), Row(site: "cross-site", status: 403),
        Row(site: "same-site", status: 403), Row(field: nil, status: 401), Row(field: "Bearer", status: 401),
        Row(field: "Basic secret", status: 401), Row(field: "Bearer Secret", status: 401), Row(field: "Bearer secret ", status: 401),
        Row(hasToken: false, status: 403), Row(peer: unix, field: nil, hasToken: false, status: 403),
    ])
    func letsInWhomItShould(row: Row) throws {
        let gate = AdminGate(tokenDigest: row.hasToken ? try SHA256.hash(Array("secret".utf8)) : nil)
        let evidence = AdminGate.Evidence(
            peer: row.peer, hosts: row.hosts, origin: row.origin, fetchSite: row.site, authorization: row.field)
        #expect(try gate.denial(evidence)?.status == row.status)
    }
}

import GatewayCore
import Testing

@testable import Gateway

@Suite("Who may see phone numbers by the name that they call")
struct AdminHostTests {
    @Test(
        "An address, localhost and a name without a dot are this machine's own; a name that anybody can register is not",
        arguments: [
            (nil, true), ("", true), ("127.0.0.1:9901", true), ("127.0.0.1", true), ("[::1]:9901", true), ("[fe80::1]", true),
            ("localhost:9901", true), ("LOCALHOST", true), ("app.localhost:1", true), ("gateway:9901", true), ("localhost.:9901", true),
            ("10.1.2.3:9901", true), ("evil.example:9901", false), ("127.0.0.1.evil.example", false), ("localhost.evil.example", false),
            ("evil.example.", false), ("[evil.example]", false), ("1.2.3.evil", false), ("999.1.1.1", false), ("+1.2.3.4", false),
            ("[]", false), (":9901", false), ("1.2.3", false),
        ] as [(String?, Bool)])
    func own(host: String?, isOwn: Bool) { #expect(AdminHost.isOwn(host) == isOwn) }

    @Test(
        "Numbers are told over loopback and unix sockets alone, and then only under an own name",
        arguments: [
            ("127.0.0.1", "localhost:9901", nil), ("127.9.9.9", "127.0.0.1:9901", nil), ("::1", "[::1]:9901", nil),
            ("10.0.0.7", "10.0.0.1:9901", 403), ("10.0.0.7", "localhost", 403), ("fd00::7", "[fd00::1]:9901", 403),
            ("127.0.0.1", "rebound.example:9901", 421),
        ] as [(String, String, Int?)])
    func told(source: String, host: String, status: Int?) throws {
        let address = try #require(IPAddress(source))
        let evidence = AdminGate.Evidence(peer: Peer(address: .ip(address), source: Array(source.utf8)), hosts: [host])
        #expect(AdminHost.refusal(evidence)?.status == status)
    }

    @Test("Of a peer that is not known nothing is assumed; a unix socket's is on this machine")
    func peers() {
        #expect(AdminHost.refusal(AdminGate.Evidence(peer: nil, hosts: ["localhost"]))?.status == 403)
        let beside = Peer(address: .unix(userID: 1001, groupID: 1001), source: [])
        #expect(AdminHost.refusal(AdminGate.Evidence(peer: beside, hosts: ["localhost"])) == nil)
    }
}

import Digests
import Testing

@testable import GatewayCore

@Suite("Certificates and several proofs together")
struct CallerProofTests {
    static let id = "spiffe://example.internal/sa/billing"
    static let token = ("x-countersign-token", "billing-token")
    static let wrong = ("Authorization", "Bearer wrong")

    static func rules() throws -> [CallerRule] {
        let digest = try SHA256.hash(Array("billing-token".utf8))
        return [
            CallerRule(name: "rack", networks: [try NetworkPrefix(cidr: "10.1.0.0/16")]),
            CallerRule(name: "billing-alone", spiffeID: id),
            CallerRule(name: "dns", dnsName: "svc.example.internal"),
            CallerRule(name: "dns-too", dnsName: "other.example.internal"),
            CallerRule(name: "named", subject: "CN=svc,O=Example"),
            CallerRule(name: "billing", allOf: [.spiffeID(id), .token(digest)]),
            CallerRule(name: "cron", allOf: [.unixUser(1001), .unixGroup(27)]),
            CallerRule(name: "backup", allOf: [.networks([try NetworkPrefix(cidr: "10.1.2.0/24")]), .subject("CN=backup")]),
        ]
    }

    static let anywhere = "192.0.2.1"

    @Test(
        "The names in a certificate",
        arguments: [
            (PeerCertificate(dnsNames: ["SVC.example.internal"]), "dns/dnsSan"),
            (PeerCertificate(dnsNames: ["a.example", "svc.example.internal", "svc.example.internal"]), "dns/dnsSan"),
            (PeerCertificate(dnsNames: ["svc.example.internal", "other.example.internal"]), "caller/certificate"),
            (PeerCertificate(dnsNames: ["svc.example.internal.evil", "xsvc.example.internal", "*.example.internal"]), "caller/unknown"),
            (PeerCertificate(subject: "CN=svc,O=Example"), "named/subject"),
            (PeerCertificate(subject: "cn=svc,o=Example"), "caller/unknown"), (PeerCertificate(subject: "CN=svc"), "caller/unknown"),
            (PeerCertificate(), "caller/unknown"),
            (PeerCertificate(spiffeID: id, dnsNames: ["svc.example.internal"], subject: "CN=svc,O=Example"), "billing-alone/spiffe"),
            (PeerCertificate(dnsNames: ["svc.example.internal"], subject: "CN=svc,O=Example"), "dns/dnsSan"),
            (PeerCertificate(hasSeveralIDs: true, dnsNames: ["svc.example.internal"]), "caller/certificate"),
        ])
    func certificate(_ certificate: PeerCertificate, expected: String) throws {
        let peer = try peer(Self.anywhere, certificate: certificate)
        #expect(try CallerTableTests.identify([], from: peer, rules: Self.rules()) == expected)
    }

    @Test("A certificate with several ids is refused though nobody is asked for one")
    func severalIDsAlways() throws {
        let peer = try peer("127.0.0.1", certificate: PeerCertificate(hasSeveralIDs: true))
        #expect(try CallerTableTests.identify([], from: peer, rules: nil) == "caller/certificate")
    }

    @Test(
        "Several proofs together",
        arguments: [
            (id, anywhere, [token], "billing/spiffe+token"),
            // Each alone is what it is without the other.
            (id, anywhere, [], "billing-alone/spiffe"), (id, anywhere, [wrong], "billing-alone/spiffe"),
            (nil, anywhere, [token], "caller/incomplete"), (nil, "10.1.2.3", [token], "caller/incomplete"),
            (id + "2", anywhere, [token], "caller/incomplete"), (nil, anywhere, [wrong], "caller/token"),
            (nil, "10.1.2.3", [], "rack/network"),
        ] as [(String?, String, [(String, String)], String)])
    func together(id: String?, address: String, fields: [(String, String)], expected: String) throws {
        #expect(try CallerTableTests.identify(fields, from: peer(address, spiffeID: id), rules: Self.rules()) == expected)
    }

    @Test("A user and its group, a place and a certificate")
    func otherKinds() throws {
        #expect(try CallerTableTests.identify([], from: unixPeer(1001, 27), rules: Self.rules()) == "cron/unixUid+unixGid")
        #expect(try CallerTableTests.identify([], from: unixPeer(1001, 28), rules: Self.rules()) == "caller/incomplete")
        let backup = PeerCertificate(subject: "CN=backup")
        #expect(
            try CallerTableTests.identify([], from: peer("10.1.2.3", certificate: backup), rules: Self.rules()) == "backup/network+subject")
        #expect(try CallerTableTests.identify([], from: peer("10.1.3.3", certificate: backup), rules: Self.rules()) == "rack/network")
        #expect(
            try CallerTableTests.identify([], from: peer(Self.anywhere, certificate: backup), rules: Self.rules()) == "caller/incomplete")
    }

    @Test("Of several lists that hold, the longest names the caller, wherever it is written, and a part of one is let through by no mode")
    func listsThatHoldTogether() throws {
        let networks = RequiredProof.networks([try NetworkPrefix(cidr: "10.1.0.0/16")])
        let digest = try SHA256.hash(Array("billing-token".utf8))
        var rules = [
            CallerRule(name: "short", allOf: [.spiffeID(Self.id), .token(digest)]),
            CallerRule(name: "short-too", allOf: [.token(digest), networks]),
            CallerRule(name: "long", allOf: [.spiffeID(Self.id), .token(digest), networks]),
        ]
        let inside = try peer("10.1.0.9", spiffeID: Self.id)
        #expect(try CallerTableTests.identify([Self.token], from: inside, rules: rules) == "long/spiffe+token+network")
        rules.removeLast()
        #expect(try CallerTableTests.identify([Self.token], from: inside, rules: rules) == "short/spiffe+token")
        rules.reverse()
        #expect(try CallerTableTests.identify([Self.token], from: inside, rules: rules) == "short-too/token+network")
        for isReported in [false, true] {
            #expect(try CallerTableTests.identify([], from: inside, rules: rules, reportsUnknown: isReported) == "caller/incomplete")
        }
        // A place is no part of a proof: whoever is there is as unknown as elsewhere.
        rules = [CallerRule(name: "here", allOf: [.token(digest), .networks([try NetworkPrefix(cidr: "127.0.0.0/8")])])]
        #expect(try CallerTableTests.identify([], from: peer("127.0.0.1"), rules: rules) == "caller/unknown")
        #expect(try CallerTableTests.identify([], from: peer("127.0.0.1"), rules: rules, reportsUnknown: true) == "unrecognised")
    }

    @Test(
        "Whom nobody knows is let through to a reported policy from this machine or with a certificate, and from nowhere else",
        arguments: [("127.0.0.1", false), ("::1", false), ("192.0.2.1", false), ("192.0.2.1", true)])
    func unrecognised(address: String, hasCertificate: Bool) throws {
        let peer = try peer(address, certificate: hasCertificate ? PeerCertificate(subject: "CN=new") : nil)
        let isLetThrough = address != "192.0.2.1" || hasCertificate
        #expect(
            try CallerTableTests.identify([], from: peer, rules: Self.rules(), reportsUnknown: true)
                == (isLetThrough ? "unrecognised" : "caller/unknown"))
        #expect(try CallerTableTests.identify([], from: peer, rules: Self.rules()) == "caller/unknown")
        // A wrong token is no matter of policy.
        #expect(try CallerTableTests.identify([Self.wrong], from: peer, rules: Self.rules(), reportsUnknown: true) == "caller/token")
        #expect(try CallerTableTests.identify([], from: unixPeer(7, 7), rules: Self.rules(), reportsUnknown: true) == "unrecognised")
    }
}

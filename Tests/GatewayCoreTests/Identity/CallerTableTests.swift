import Digests
import Testing

@testable import GatewayCore

func peer(_ address: String, spiffeID: String? = nil, certificate: PeerCertificate? = nil) throws -> Peer {
    Peer(
        address: .ip(try #require(IPAddress(address))), source: Array("\(address):50514".utf8),
        certificate: certificate ?? spiffeID.map { PeerCertificate(spiffeID: $0) })
}

func unixPeer(_ userID: UInt32, _ groupID: UInt32) -> Peer {
    Peer(address: .unix(userID: userID, groupID: groupID), source: Array("unix:uid=\(userID),gid=\(groupID),pid=1".utf8))
}

@Suite("Who is calling")
struct CallerTableTests {
    static let workload = "spiffe://example.internal/ns/telephony/sa/provisioning"

    static func rules() throws -> [CallerRule] {
        [
            CallerRule(name: "lan", networks: [try NetworkPrefix(cidr: "10.0.0.0/8"), try NetworkPrefix(cidr: "fd00::/8")]),
            CallerRule(name: "rack", networks: [try NetworkPrefix(cidr: "10.1.2.0/24")]),
            CallerRule(name: "host", networks: [try NetworkPrefix(cidr: "10.1.2.3/32")]),
            CallerRule(name: "lifecycle", unixUserID: 1001),
            CallerRule(name: "operators", unixGroupID: 27),
            CallerRule(name: "billing", tokenDigest: try SHA256.hash(Array("billing-token".utf8))),
            CallerRule(name: "reports", tokenDigest: try SHA256.hash(Array("reports-token".utf8))),
            CallerRule(name: "provisioning", spiffeID: workload),
        ]
    }

    /// `name/proof`, or the reason of the refusal.
    static func identify(
        _ fields: [(String, String)], from peer: Peer, rules: [CallerRule]?, reportsUnknown: Bool = false
    ) throws -> String {
        let table = CallerTable(rules: rules, reportsUnknown: reportsUnknown)
        switch table.identify(requestHead("/phone-numbers/+12065550100", fields), from: peer, sha256: try SHA256Context()) {
        case .granted(let identified):
            guard let proof = identified.proof else {
                #expect(identified.caller == table.names.count)
                return "unrecognised"
            }
            return "\(table.names[identified.caller])/\(table.words(for: proof, of: identified.caller))"
        case .refused(let refusal):
            #expect(refusal.kind == .unauthorized)
            return refusal.reason
        }
    }

    @Test(
        "By network: the narrowest wins, whichever stands first",
        arguments: [
            ("10.9.9.9", "lan/network"), ("10.1.2.9", "rack/network"), ("10.1.2.3", "host/network"), ("::ffff:10.1.2.3", "host/network"),
            ("fd12::1", "lan/network"), ("192.0.2.1", "caller/unknown"), ("127.0.0.1", "caller/unknown"), ("::1", "caller/unknown"),
        ])
    func network(address: String, expected: String) throws {
        #expect(try Self.identify([], from: peer(address), rules: Self.rules()) == expected)
        #expect(try Self.identify([], from: peer(address), rules: Self.rules().reversed()) == expected)
    }

    @Test(
        "By unix user, then group",
        arguments: [
            (1001, 100, "lifecycle/unixUid"), (1001, 27, "lifecycle/unixUid"), (1002, 27, "operators/unixGid"), (0, 0, "caller/unknown"),
            (27, 1001, "caller/unknown"),
        ] as [(UInt32, UInt32, String)])
    func unix(userID: UInt32, groupID: UInt32, expected: String) throws {
        #expect(try Self.identify([], from: unixPeer(userID, groupID), rules: Self.rules()) == expected)
    }

    static let sdkSignature =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/chime/aws4_request, SignedHeaders=host, Signature=00"

    @Test(
        "By token, from a network that is a caller of its own",
        arguments: [
            ([("x-countersign-token", "billing-token")], "billing/token"), ([("X-Countersign-Token", "reports-token")], "reports/token"),
            ([("Authorization", "Bearer billing-token")], "billing/token"), ([("authorization", "bEARER reports-token")], "reports/token"),
            // Both: the field of our own counts, and the other is not even looked at.
            ([("Authorization", "Bearer billing-token"), ("x-countersign-token", "reports-token")], "reports/token"),
            ([("Authorization", sdkSignature), ("x-countersign-token", "billing-token")], "billing/token"),
            // A token that is wrong never falls back.
            ([("x-countersign-token", "billing-token2")], "caller/token"), ([("x-countersign-token", "billing-toke")], "caller/token"),
            ([("x-countersign-token", "")], "caller/token"), ([("Authorization", "Bearer Billing-token")], "caller/token"),
            ([("Authorization", "Bearer")], "caller/token"), ([("Authorization", "Bearer  billing-token")], "caller/token"),
            ([("Authorization", "Bearer billing-token"), ("x-countersign-token", "wrong")], "caller/token"),
            // Other schemes are an SDK's own affair.
            ([("Authorization", sdkSignature)], "lan/network"), ([("Authorization", "Basic YTpi")], "lan/network"),
            ([("Authorization", "")], "lan/network"), ([("Authorization", "BearerX billing-token")], "lan/network"),
            ([("Authorization", "billing-token")], "lan/network"),
        ] as [([(String, String)], String)])
    func token(fields: [(String, String)], expected: String) throws {
        #expect(try Self.identify(fields, from: peer("10.9.9.9"), rules: Self.rules()) == expected)
    }

    @Test("A token is enough from anywhere, over TCP and unix sockets")
    func tokenFromAnywhere() throws {
        let fields = [("x-countersign-token", "billing-token")]
        #expect(try Self.identify(fields, from: peer("192.0.2.1"), rules: Self.rules()) == "billing/token")
        #expect(try Self.identify(fields, from: unixPeer(1001, 27), rules: Self.rules()) == "billing/token")
    }

    @Test("A certificate goes before everything else, an unknown one proves nothing")
    func certificate() throws {
        let rules = try Self.rules()
        let fields = [("x-countersign-token", "wrong")]
        #expect(try Self.identify([], from: peer("192.0.2.1", spiffeID: Self.workload), rules: rules) == "provisioning/spiffe")
        #expect(try Self.identify(fields, from: peer("10.1.2.3", spiffeID: Self.workload), rules: rules) == "provisioning/spiffe")
        let other = Self.workload + "2"
        #expect(try Self.identify([], from: peer("192.0.2.1", spiffeID: other), rules: rules) == "caller/unknown")
        #expect(try Self.identify([], from: peer("192.0.2.1", spiffeID: Self.workload.uppercased()), rules: rules) == "caller/unknown")
    }

    @Test("Where no caller has a token, none is looked at")
    func noTokens() throws {
        let rules = [CallerRule(name: "lan", networks: [try NetworkPrefix(cidr: "10.0.0.0/8")])]
        let fields = [("x-countersign-token", "anything"), ("Authorization", "Bearer anything")]
        #expect(try Self.identify(fields, from: peer("10.0.0.1"), rules: rules) == "lan/network")
    }

    @Test(
        "With no callers configured, this machine is served and nobody else",
        arguments: [
            ("127.0.0.1", "local/local"), ("::1", "local/local"), ("::ffff:127.0.0.1", "local/local"), ("10.0.0.1", "caller/unknown"),
            ("fd00::1", "caller/unknown"),
        ])
    func localOnly(address: String, expected: String) throws {
        #expect(try Self.identify([("Authorization", "Bearer x")], from: peer(address), rules: nil) == expected)
        #expect(try Self.identify([], from: unixPeer(4711, 4711), rules: nil) == "local/local")
    }

    @Test("An empty list of callers serves nobody")
    func nobody() throws {
        #expect(try Self.identify([], from: peer("127.0.0.1"), rules: []) == "caller/unknown")
        #expect(try Self.identify([], from: unixPeer(0, 0), rules: []) == "caller/unknown")
    }

    @Test("A refusal says nothing of what was sent")
    func refusalIsMute() throws {
        let table = CallerTable(rules: try Self.rules())
        let head = requestHead("/", [("x-countersign-token", "s3cret")])
        guard case .refused(let refusal) = table.identify(head, from: try peer("10.0.0.1"), sha256: try SHA256Context()) else {
            Issue.record("an unknown token was accepted")
            return
        }
        #expect(!"\(refusal)".contains("s3cret"))
    }
}

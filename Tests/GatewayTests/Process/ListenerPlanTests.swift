import GatewayConfig
import GatewayCore
import Testing

@testable import Gateway

/// What a reload does to listeners: one row a case.
@Suite struct ListenerPlanTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var open: [ListenerSettings]
        var wanted: [ListenerSettings]
        var added: [Int] = []
        var removed: [Int] = []
        var needingRestart: [String] = []
    }

    private static func tcp(_ port: Int, tls: String? = nil, reusesPort: Bool = false) -> ListenerSettings {
        ListenerSettings(
            bind: .tcp(host: "127.0.0.1", address: IPAddress(v4: 0x7F00_0001), port: port), reusesPort: reusesPort,
            tls: tls.map { ListenerTLSSettings(identity: CertificateFiles(certificate: $0, privateKey: "key")) })
    }

    private static func unix(_ path: String, mode: UInt32 = 0o660) -> ListenerSettings {
        ListenerSettings(bind: .unix(path: path), unixMode: mode)
    }

    private static let rows = [
        Row(testDescription: "nothing changes", open: [tcp(1), unix("/a")], wanted: [tcp(1), unix("/a")]),
        Row(testDescription: "they change places", open: [tcp(1), unix("/a")], wanted: [unix("/a"), tcp(1)]),
        Row(testDescription: "one comes", open: [tcp(1)], wanted: [tcp(2), tcp(1)], added: [0]),
        Row(testDescription: "one goes", open: [tcp(1), tcp(2), tcp(3)], wanted: [tcp(1), tcp(3)], removed: [1]),
        Row(testDescription: "one for another", open: [tcp(1), tcp(2)], wanted: [tcp(1), tcp(3)], added: [1], removed: [1]),
        Row(testDescription: "all go", open: [tcp(1), unix("/a")], wanted: [], removed: [0, 1]),
        Row(testDescription: "free ports are alike", open: [tcp(0), tcp(0)], wanted: [tcp(0), tcp(0), tcp(0)], added: [2]),
        Row(testDescription: "a free port goes: the one at its place stays", open: [tcp(0), tcp(0)], wanted: [tcp(0)], removed: [1]),
        Row(testDescription: "other certificates", open: [tcp(1, tls: "old")], wanted: [tcp(1, tls: "new")]),
        Row(
            testDescription: "TLS comes", open: [tcp(1)], wanted: [tcp(1, tls: "c")],
            needingRestart: ["TLS of 127.0.0.1:1 was turned on or off"]),
        Row(
            testDescription: "TLS goes, and another listener comes", open: [tcp(1, tls: "c")], wanted: [tcp(2), tcp(1)], added: [0],
            needingRestart: ["TLS of 127.0.0.1:1 was turned on or off"]),
        Row(
            testDescription: "free ports with and without TLS are told apart", open: [tcp(0), tcp(0, tls: "c")],
            wanted: [tcp(0, tls: "c"), tcp(0)]),
        Row(
            testDescription: "another mode", open: [unix("/a")], wanted: [unix("/a", mode: 0o600)],
            needingRestart: ["\"mode\" or \"reusePort\" of unix:/a changed"]),
        Row(
            testDescription: "reusePort", open: [tcp(1), tcp(2)], wanted: [tcp(2, reusesPort: true), tcp(1)],
            needingRestart: ["\"mode\" or \"reusePort\" of 127.0.0.1:2 changed"]),
    ]

    @Test(arguments: rows)
    func plan(row: Row) {
        let plan = ListenerPlan(open: row.open, wanted: row.wanted)
        #expect(plan.added == row.added)
        #expect(plan.removed == row.removed)
        #expect(plan.needingRestart == row.needingRestart)
    }
}

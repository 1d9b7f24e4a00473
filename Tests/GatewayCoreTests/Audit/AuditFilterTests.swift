import Digests
import Testing

@testable import GatewayCore

private let filterKey = Array("0123456789abcdef0123456789abcdef".utf8)

private let filterRows: [(String, Bool, @Sendable (inout AuditFilter) -> Void)] = [
    ("nothing asked", true, { _ in }), ("caller", true, { $0.caller = "billing" }), ("another caller", false, { $0.caller = "local" }),
    ("stage", true, { $0.stage = "outcome" }), ("another stage", false, { $0.stage = "intent" }),
    ("operation", true, { $0.operation = "DeletePhoneNumber" }), ("another operation", false, { $0.operation = "ListPhoneNumbers" }),
    ("status", true, { $0.status = 204 }), ("another status", false, { $0.status = 429 }), ("id", true, { $0.id = "id-1" }),
    ("another id", false, { $0.id = "id-2" }), ("since its time", true, { $0.since = 1_769_904_000_123 }),
    ("since later", false, { $0.since = 1_769_904_000_124 }), ("until its time", false, { $0.until = 1_769_904_000_123 }),
    ("until later", true, { $0.until = 1_769_904_000_124 }),
    (
        "all at once", true,
        {
            $0.caller = "billing"
            $0.status = 204
        }
    ),
    (
        "one of two", false,
        {
            $0.caller = "billing"
            $0.status = 429
        }
    ),
]

@Suite struct AuditFilterTests {
    private func fields(_ entry: AuditEntry, style: AuditSubjectStyle = .plain) throws -> AuditFields {
        var chain = AuditChain(nextSequence: 7)
        var line: [UInt8] = []
        try AuditFixtures.body(entry, style: style).withUnsafeBytes { chain.seal($0, with: try SHA256Context(), into: &line) }
        return try #require(line.dropLast().withUnsafeBytes { AuditFields($0) })
    }

    @Test func membersAreFound() throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.state = .unknownTimeout
        entry.reason = Array("upstream/timeout".utf8)
        entry.status = 504
        entry.errorType = Array("ServiceUnavailableException".utf8)[...]
        let fields = try fields(entry)
        #expect(fields.sequence == 7)
        #expect(fields.time == "2026-02-01T00:00:00.123Z")
        #expect(fields.stage == "outcome")
        #expect(fields.id == "id-1")
        #expect(fields.caller == "billing")
        #expect(fields.source == "192.0.2.1:4711")
        #expect(fields.operation == "DeletePhoneNumber")
        #expect(fields.subjects == [#""+12065550100""#])
        #expect(fields.status == 504)
        #expect(fields.state == "unknown: sent, no answer")
        #expect(fields.cause == "timeout")
        #expect(fields.reason == "upstream/timeout")
        #expect(fields.errorType == "ServiceUnavailableException")
    }

    @Test func awkwardStringsDoNotConfuse() throws {
        var entry = AuditFixtures.entry(.refusal)
        entry.source = Array(#"a","stage":"forged\"}{"#.utf8)
        entry.caller = AuditCaller(name: #"na"me}"#, proof: "]")
        let fields = try fields(entry)
        #expect(fields.stage == "refusal")
        #expect(fields.caller == #"na\"me}"#)
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"stage":"intent""#, #"{"stage"}"#, #"{"a":1}"#, #"{"stage":"#, #"{"stage":"x\"#, #"{"a":{"b":[}"#, "{:1}",
        #"{"stage":,"a":1}"#,
    ])
    func otherLinesAreNoRecords(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { AuditFields($0) } == nil)
    }

    @Test func recordCutAnywhereIsNoRecord() throws {
        let line = try AuditFixtures.lines(1)[0].dropLast()
        for length in 0..<line.count { #expect(line.prefix(length).withUnsafeBytes { AuditFields($0) } == nil) }
    }

    @Test(arguments: 0..<17)
    func filterDecides(index: Int) throws {
        let (name, isMatch, set) = filterRows[index]
        var filter = AuditFilter()
        set(&filter)
        #expect(filter.matches(try fields(AuditFixtures.entry(.outcome))) == isMatch, "\(name)")
    }

    @Test(arguments: [
        (AuditSubjectStyle.plain, "+12065550100", false, true), (.plain, "+12065550101", false, false),
        (.plain, "12065550100", false, false),
        (.last4, "+12065550100", false, true), (.last4, "+14255550100", false, true), (.last4, "+12065550101", false, false),
        (.pseudonym(key: SecretBytes(filterKey)), "+12065550100", true, true),
        (.pseudonym(key: SecretBytes(filterKey)), "+12065550100", false, false),
        (.pseudonym(key: SecretBytes(filterKey)), "+12065550101", true, false),
    ])
    func subjectIsFoundHoweverItIsShown(style: AuditSubjectStyle, asked: String, withKey: Bool, isMatch: Bool) throws {
        var filter = AuditFilter()
        try filter.restrict(toSubject: asked, key: withKey ? filterKey : nil)
        #expect(filter.matches(try fields(AuditFixtures.entry(.outcome), style: style)) == isMatch)
    }

    private func select(_ kind: AuditSelection<String>.Kind, _ entries: [AuditEntry], only caller: String? = nil) throws -> [String] {
        var filter = AuditFilter()
        filter.caller = caller
        var selection = AuditSelection<String>(kind)
        var shown: [String] = []
        for entry in entries {
            let fields = try fields(entry)
            if let now = selection.take(fields, isMatch: filter.matches(fields), fields.id + " " + fields.stage) { shown.append(now) }
        }
        return shown + selection.rest()
    }

    @Test func orphansAreIntentsWithoutOutcome() throws {
        let entries = [
            AuditFixtures.entry(.intent, id: "a"), AuditFixtures.entry(.intent, id: "b"), AuditFixtures.entry(.refusal, id: "c"),
            AuditFixtures.entry(.outcome, id: "a"), AuditFixtures.entry(.intent, id: "d"),
        ]
        #expect(try select(.orphans, entries) == ["b intent", "d intent"])
        #expect(try select(.orphans, entries, only: "local") == [])
        #expect(try select(.all, entries).count == 5)
    }

    @Test func restorableIsTheLastDeletionOfEachNumber() throws {
        func deletion(_ id: String, _ number: String, status: Int = 204, operation: AuditOperation = AuditFixtures.operation) -> AuditEntry
        {
            var entry = AuditFixtures.entry(.outcome, id: id, subject: number)
            entry.status = status
            entry.operation = operation
            return entry
        }
        let restoring = AuditOperation(
            name: "RestorePhoneNumber", template: "/phone-numbers/{phoneNumberId}", parameters: ["phoneNumberId"], upstream: "chime",
            region: "us-east-1", limits: [])
        let entries = [
            deletion("a", "+12065550100"), deletion("b", "+12065550101"), deletion("c", "+12065550102", status: 404),
            deletion("d", "+12065550100"), deletion("e", "+12065550101", status: 200, operation: restoring),
            deletion("f", "+12065550103"), deletion("g", "+12065550103", status: 500, operation: restoring),
        ]
        let deleted: Int64 = 1_769_904_000_123
        let week: Int64 = 7 * 86_400_000
        #expect(try select(.restorable(nowMilliseconds: deleted), entries) == ["d outcome", "f outcome"])
        #expect(try select(.restorable(nowMilliseconds: deleted + week - 1), entries) == ["d outcome", "f outcome"])
        #expect(try select(.restorable(nowMilliseconds: deleted + week), entries) == [])
    }
}

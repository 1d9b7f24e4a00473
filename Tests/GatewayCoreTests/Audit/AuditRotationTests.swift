import Testing

@testable import GatewayCore

@Suite struct AuditRotationTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var rule: AuditRotationRule
        var byteCount: Int
        var begun: Int64?
        var time: Int64
        var isDue: Bool
        var deadline: UInt64?

        var testDescription: String { "\(byteCount) bytes since \(begun ?? -1) at \(time)" }
    }

    private static let size = AuditRotationRule(byteLimit: 1000)
    private static let age = AuditRotationRule(ageMilliseconds: 5000)
    private static let both = AuditRotationRule(byteLimit: 1000, ageMilliseconds: 5000)

    @Test(arguments: [
        Row(rule: size, byteCount: 999, begun: 0, time: 1 << 40, isDue: false),
        Row(rule: size, byteCount: 1000, begun: 0, time: 0, isDue: true),
        Row(rule: age, byteCount: 1, begun: 100, time: 5099, isDue: false, deadline: 8),
        Row(rule: age, byteCount: 1, begun: 100, time: 5100, isDue: true, deadline: 7),
        Row(rule: age, byteCount: 0, begun: 100, time: 9999, isDue: false),
        Row(rule: age, byteCount: 1, begun: nil, time: 9999, isDue: false),
        Row(rule: age, byteCount: 1 << 40, begun: 0, time: 0, isDue: false, deadline: 5007),
        // The clock was set back, or forward by years.
        Row(rule: age, byteCount: 1, begun: 1 << 41, time: 0, isDue: false, deadline: 60_007),
        Row(rule: age, byteCount: 1, begun: 0, time: 1 << 41, isDue: true, deadline: 7),
        Row(rule: both, byteCount: 1000, begun: 0, time: 0, isDue: true, deadline: 5007),
        Row(rule: both, byteCount: 1, begun: 0, time: 5000, isDue: true, deadline: 7),
    ])
    func decides(row: Row) {
        let rotation = AuditRotation(row.rule)
        #expect(rotation.isDue(byteCount: row.byteCount, begun: row.begun, time: row.time, now: 7) == row.isDue)
        #expect(rotation.deadline(byteCount: row.byteCount, begun: row.begun, time: row.time, now: 7) == row.deadline)
    }

    @Test func failureIsTriedAgainLater() {
        var rotation = AuditRotation(Self.size)
        rotation.hasFailed(now: 10)
        #expect(!rotation.isDue(byteCount: 1000, begun: 0, time: 0, now: 5009))
        #expect(rotation.deadline(byteCount: 1000, begun: 0, time: 0, now: 10) == 5010)
        #expect(rotation.isDue(byteCount: 1000, begun: 0, time: 0, now: 5010))
    }

    @Test func namesSortByTime() {
        let times: [Int64] = [0, 999, 1000, 86_400_000, 1_769_904_000_123, 4_102_444_800_000]
        let names = times.map(AuditRotation.suffix)
        #expect(names == names.sorted())
        #expect(names[4] == "-20260201T000000.123Z")
        #expect(names.allSatisfy { AuditRotation.isSuffix($0) && AuditRotation.isSuffix($0 + ".gz") })
    }

    @Test(arguments: [
        "", ".1", "-20260131", ".gz", ".state", ".checkpoint", "-20260201T000000.123Z.gz.tmp", "-20260201T000000.123Z.gz.gz",
        "-2026020XT000000.123Z",
        ".torn-20260201T000000.123Z",
    ])
    func otherNamesAreNotTouched(suffix: String) {
        #expect(!AuditRotation.isSuffix(suffix))
    }

    private let file = ScriptedFile()

    @Test(arguments: AuditSync.allCases)
    func chainGoesOn(sync: AuditSync) throws {
        var journal = try AuditJournal(file: file, opening: AuditOpening(size: 0, identity: 1), sync: sync)
        for number in 1...3 {
            _ = journal.commit([try AuditFixtures.batch(.owed, .owed)], now: 0)
            #expect(journal.byteCount == file.bytes.count)
            try journal.rotate(to: "-\(number)", now: 1)
            #expect(journal.byteCount == 0 && journal.begun == nil)
        }
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 2)
        #expect(journal.begun == 2)
        #expect(file.rotated.map(\.suffix) == ["-1", "-2", "-3"])
        let verifier = try AuditFixtures.verify(file.rotated.map(\.bytes) + [file.bytes])
        #expect(verifier.finding == nil && verifier.recordCount == 7)
        if sync != .never { #expect(file.calls.filter { $0 == .synchronize }.count >= 3) }
    }

    @Test func failedRenameLeavesTheFileInUse() throws {
        var journal = try AuditJournal(file: file, opening: AuditOpening(size: 0, identity: 1), sync: .always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        file.expect(.rotate, .fails("Read-only file system"))
        #expect(throws: AuditFileError(call: "scripted", reason: "Read-only file system")) { try journal.rotate(to: "-1", now: 1) }
        #expect(journal.status == .writable)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 2) == .written)
        #expect(try AuditFixtures.verify([file.bytes]).recordCount == 2)
    }

    @Test func failedSyncBeforeItRefusesRotation() throws {
        var journal = try AuditJournal(file: file, opening: AuditOpening(size: 0, identity: 1), sync: .interval)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        file.expect(.synchronize, .fails("Input/output error"))
        #expect(throws: AuditFileError.self) { try journal.rotate(to: "-1", now: 1) }
        #expect(file.rotated.isEmpty)
        journal.tick(now: 201)
        let isWhole = journal.finish(now: 202)
        #expect(isWhole)
        #expect(try AuditFixtures.verify([file.bytes]).recordCount == 1)
    }
}

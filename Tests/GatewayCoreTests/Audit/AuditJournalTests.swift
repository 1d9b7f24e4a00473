import Digests
import Testing

@testable import GatewayCore

@Suite struct AuditJournalTests {
    private let file = ScriptedFile()

    private func journal(_ sync: AuditSync, opening: AuditOpening = AuditOpening(size: 0, identity: 1)) throws -> AuditJournal<ScriptedFile>
    {
        try AuditJournal(file: file, opening: opening, sync: sync)
    }

    /// The stages of the records in the file, which must be one good chain.
    private func stages(in bytes: [UInt8]? = nil) throws -> [String] {
        let bytes = bytes ?? file.bytes
        #expect(try AuditFixtures.verify([bytes]).finding == nil)
        return bytes.split(separator: 0x0A).map { line in
            let text = String(decoding: line, as: UTF8.self)
            return text.contains(#""stage":"intent""#) ? "intent" : text.contains(#""stage":"outcome""#) ? "outcome" : "refusal"
        }
    }

    private func notes() -> [String] {
        file.bytes.split(separator: 0x0A).compactMap { line in
            let text = String(decoding: line, as: UTF8.self)
            guard let start = text.firstRange(of: #""note":""#), let end = text.firstRange(of: #"","prev""#) else { return nil }
            return String(text[start.upperBound..<end.lowerBound])
        }
    }

    // MARK: - What is synced when

    @Test func alwaysSyncsOnceForAllThatWait() throws {
        var journal = try journal(.always)
        let verdict = journal.commit(
            [try AuditFixtures.batch(.awaited, .awaited), try AuditFixtures.batch(.owed, .awaited, .optional)], now: 0)
        #expect(verdict == .written)
        #expect(file.calls == [.inspect, .write, .synchronize])
        #expect(try stages(in: file.durable) == ["intent", "intent", "outcome", "intent", "refusal"])
        #expect(journal.counters.records == 5)
        #expect(journal.counters.commits == 1)
        #expect(journal.deadline == nil)
    }

    @Test func alwaysLetsOutcomesWaitForTheNextSync() throws {
        var journal = try journal(.always)
        #expect(journal.commit([try AuditFixtures.batch(.owed)], now: 10) == .written)
        #expect(file.calls == [.inspect, .write])
        #expect(journal.deadline == 1010)
        journal.tick(now: 1009)
        #expect(file.durable.isEmpty)
        journal.tick(now: 1010)
        #expect(try stages(in: file.durable) == ["outcome"])
        #expect(journal.deadline == nil)
    }

    @Test func intervalSyncsEverySecond() throws {
        var journal = try journal(.interval)
        for now in [UInt64(0), 100, 900] { #expect(journal.commit([try AuditFixtures.batch(.owed)], now: now) == .written) }
        #expect(!file.calls.contains(.synchronize))
        journal.tick(now: journal.deadline ?? 0)
        #expect(try stages(in: file.durable).count == 3)
    }

    @Test func neverDoesNotSync() throws {
        var journal = try journal(.never)
        #expect(journal.commit([try AuditFixtures.batch(.owed, .awaited)], now: 0) == .written)
        #expect(journal.deadline == nil)
        let isWhole = journal.finish(now: 1)
        #expect(isWhole)
        #expect(!file.calls.contains(.synchronize))
    }

    @Test func finishSyncsWhatIsLeft() throws {
        var journal = try journal(.interval)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        let isWhole = journal.finish(now: 1)
        #expect(isWhole)
        #expect(try stages(in: file.durable) == ["outcome"])
    }

    @Test func shortWritesAreContinued() throws {
        var journal = try journal(.always)
        file.expect(.write, .takes(5))
        file.expect(.write, .takes(700))
        #expect(journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 0) == .written)
        #expect(try stages() == ["intent", "outcome"])
    }

    // MARK: - What is not on disk yet

    private func batch(_ duties: AuditDuty..., acceptedAt: UInt64) throws -> AuditBatch {
        var batch = AuditBatch()
        for duty in duties { try AuditFixtures.body(AuditFixtures.entry(.outcome)).withUnsafeBytes { batch.append(body: $0, duty: duty) } }
        batch.acceptedAt = acceptedAt
        return batch
    }

    @Test(arguments: [
        (AuditSync.always, [nil, 20, 20, nil]), (.interval, [10, 10, 10, nil]), (.never, [nil, nil, nil, nil] as [UInt64?]),
    ])
    func theOldestPendingRecordIsKnown(sync: AuditSync, expected: [UInt64?]) throws {
        var journal = try journal(sync)
        var found: [UInt64?] = []
        _ = journal.commit([try batch(.awaited, acceptedAt: 10)], now: 12)
        found.append(journal.oldestPending)
        _ = journal.commit([try batch(.owed, acceptedAt: 20)], now: 22)
        found.append(journal.oldestPending)
        _ = journal.commit([try batch(.optional, acceptedAt: 30)], now: 32)
        found.append(journal.oldestPending)
        journal.tick(now: journal.deadline ?? 40)
        found.append(journal.oldestPending)
        #expect(found == expected)
    }

    @Test func thePlaceOnDiskSaysWhenItsLastRecordWasWritten() throws {
        var journal = try journal(.interval, opening: AuditOpening(size: 0, identity: 1, ended: 900))
        journal.timeOfDayOffset = 1000
        #expect(journal.position.time == 900)
        _ = journal.commit([try batch(.owed, acceptedAt: 10)], now: 11)
        #expect(journal.position.time == 900, "not on disk yet")
        file.expect(.synchronize, .fails("Input/output error"))
        journal.tick(now: 1011)
        #expect(journal.position.time == 900, "taken back")
        journal.tick(now: 1211)
        journal.tick(now: journal.deadline ?? 0)
        #expect(journal.position.time == 2211)
        #expect(journal.position.sequence == 1)
    }

    @Test func recordsThatWaitForRoomGrowOlder() throws {
        var journal = try journal(.always)
        file.broken = [.write: "No space left on device", .probe: "No space left on device"]
        _ = journal.commit([try batch(.awaited, .optional, acceptedAt: 5)], now: 6)
        #expect(journal.oldestPending == nil, "a request that was refused waits for nothing")
        _ = journal.commit([try batch(.owed, acceptedAt: 10)], now: 11)
        _ = journal.commit([try batch(.owed, acceptedAt: 20)], now: 300)
        #expect(journal.oldestPending == 10)
        file.broken = [:]
        journal.tick(now: 600)
        #expect(journal.oldestPending == 10, "written, not synced")
        journal.tick(now: journal.deadline ?? 0)
        #expect(journal.oldestPending == nil)
    }

    @Test func whatAFailedSyncTookBackIsStillPending() throws {
        var journal = try journal(.interval)
        file.expect(.synchronize, .fails("Input/output error"))
        _ = journal.commit([try batch(.owed, acceptedAt: 10)], now: 11)
        journal.tick(now: journal.deadline ?? 0)
        #expect(journal.oldestPending == 10)
    }

    // MARK: - Failures

    @Test(arguments: [0, 1, 300, 710, 1000])
    func fullDiskLeavesNothingTorn(room: Int) throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        if room > 0 { file.expect(.write, .takes(room)) }
        file.expect(.write, .fails("No space left on device"))
        let verdict = journal.commit([try AuditFixtures.batch(.awaited, .owed, .optional)], now: 1)
        #expect(verdict == .failed(reason: "scripted: No space left on device"))
        #expect(journal.status == .unwritable(reason: "scripted: No space left on device"))
        #expect(try stages() == ["intent"])
        #expect(journal.counters.owed == 1)
        #expect(journal.counters.droppedRefusals == 1)

        // No try before its time; then what is owed comes first and says what is missing.
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 2) != .written)
        #expect(journal.deadline == 201)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 201) == .written)
        #expect(try stages() == ["intent", "outcome", "intent"])
        #expect(notes() == ["refusals not recorded: 1"])
        #expect(journal.status == .writable)
        #expect(journal.counters.owed == 0)
    }

    @Test func recoversWithoutRequests() throws {
        var journal = try journal(.always)
        file.broken = [.write: "No space left on device", .probe: "No space left on device"]
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        for now in stride(from: UInt64(200), to: 2000, by: 200) {
            journal.tick(now: now)
            #expect(journal.status != .writable)
            #expect(journal.deadline == now + 200)
        }
        file.broken = [:]
        journal.tick(now: 2000)
        #expect(journal.status == .writable)
        #expect(try stages() == ["outcome"])
    }

    @Test func failedSyncWritesAgainInsteadOfSyncingAgain() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 1)
        file.expect(.synchronize, .fails("Input/output error"))
        #expect(journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 2) == .failed(reason: "scripted: Input/output error"))
        #expect(try stages() == ["intent"])
        #expect(journal.counters.owed == 2)

        file.calls = []
        journal.tick(now: 202)
        #expect(file.calls == [.reopen, .probe, .inspect, .write])
        #expect(try stages() == ["intent", "outcome", "outcome"])
        journal.tick(now: journal.deadline ?? 0)
        #expect(try stages(in: file.durable) == ["intent", "outcome", "outcome"])
    }

    @Test func failedIntervalSyncLosesNothingThatWasAccepted() throws {
        var journal = try journal(.interval)
        _ = journal.commit([try AuditFixtures.batch(.owed, .owed)], now: 0)
        file.expect(.synchronize, .fails("Input/output error"))
        journal.tick(now: 1000)
        #expect(file.bytes.isEmpty)
        journal.tick(now: 1200)
        #expect(try stages() == ["outcome", "outcome"])
    }

    @Test func notesOfLostRecordsAreWrittenAgain() throws {
        var journal = try journal(.always, opening: AuditOpening(size: 0, identity: 1, notes: ["a torn record was set aside"]))
        file.expect(.synchronize, .fails("Input/output error"))
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 200) == .written)
        #expect(notes() == ["a torn record was set aside"])
    }

    @Test(arguments: [10, 900])
    func whatCannotBeCutIsCutLater(room: Int) throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        file.expect(.write, .takes(room))
        file.expect(.write, .fails("Input/output error"))
        file.broken = [.truncate: "Input/output error"]
        #expect(journal.commit([try AuditFixtures.batch(.awaited, .awaited)], now: 0) != .written)
        journal.tick(now: 200)
        // With whole lines of the failed round left in the file, whose requests were refused, nothing may be added.
        #expect(journal.status == (room == 10 ? .writable : .unwritable(reason: "scripted: Input/output error")))
        file.broken = [:]
        journal.tick(now: 400)
        #expect(journal.status == .writable)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 401) == .written)
        #expect(try stages() == ["intent", "intent"])
    }

    @Test func removedFileIsReplaced() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        file.isLinked = false
        file.nextFile = []
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1) == .written)
        // The outcome was not synced, so it stands in the new file; the first record went with the old one.
        let verifier = try AuditFixtures.verify([file.bytes], start: .anywhere)
        #expect(verifier.finding == nil)
        #expect(verifier.firstSequence == 2)
        #expect(verifier.recordCount == 2)
        #expect(notes() == ["the file was removed while in use; this one continues it"])
    }

    @Test func removedDirectoryRefusesUntilItIsBack() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 0)
        file.isLinked = false
        file.broken = [.reopen: "No such file or directory"]
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1) == .failed(reason: "scripted: No such file or directory"))
        journal.tick(now: 201)
        #expect(journal.status != .writable)
        file.broken = [:]
        file.nextFile = []
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 401) == .written)
        #expect(try AuditFixtures.verify([file.bytes], start: .anywhere).firstSequence == 3)
    }

    @Test func foreignChangesAreNoted() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        let size = file.bytes.count
        file.bytes = []
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1) == .written)
        #expect(notes() == ["another process changed the size of the file from \(size) to 0"])
    }

    // MARK: - Rotation and restart

    @Test func chainGoesOnInTheRotatedFile() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 0)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        let old = file.bytes
        file.nextFile = []
        try journal.reopen(now: 1)
        #expect(file.calls.suffix(2) == [.synchronize, .reopen])
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 2)
        #expect(notes().isEmpty)
        #expect(try AuditFixtures.verify([old, file.bytes]).finding == nil)
    }

    @Test func reopeningThatFailsKeepsTheOldFile() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        file.expect(.reopen, .fails("Permission denied"))
        #expect(throws: AuditFileError(call: "scripted", reason: "Permission denied")) { try journal.reopen(now: 1) }
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 2) == .written)
        #expect(try stages() == ["intent", "intent"])
    }

    @Test func anotherTrailInPlaceIsNoted() throws {
        var journal = try journal(.always)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        file.nextFile = Array(try AuditFixtures.lines(5).joined())
        try journal.reopen(now: 1)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 2)
        #expect(notes() == ["this file ended with record 5, not with the predecessor of this one"])
    }

    @Test func startGoesOnWhereTheFileEnded() throws {
        let lines = try AuditFixtures.lines(4)
        file.bytes = Array(lines.joined()) + Array(#"{"v":1,"seq"#.utf8)
        let opening = try file.reopen()
        var journal = try journal(.always, opening: opening)
        #expect(journal.chain.nextSequence == 5)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 0) == .written)
        #expect(try stages().count == 5)
        #expect(notes() == ["torn"])
    }

    @Test func owedRecordsAreBounded() throws {
        var journal = try journal(.always)
        file.broken = [.inspect: "Input/output error"]
        var batch = AuditBatch()
        let big = try AuditFixtures.body(AuditFixtures.entry(.outcome))
        for _ in 0..<16_000 { big.withUnsafeBytes { batch.append(body: $0, duty: .owed) } }
        _ = journal.commit([batch], now: 0)
        #expect(journal.counters.owed == UInt64(AuditJournal<ScriptedFile>.heldByteLimit / big.count))
        #expect(journal.counters.owed + journal.counters.droppedOutcomes == 16_000)
        file.broken = [:]
        journal.tick(now: 200)
        #expect(notes() == ["outcomes not recorded: \(journal.counters.droppedOutcomes)"])
    }
}

/// Any file that fails at any call leaves a chain that verifies, and every record that was called written is in it.
@Suite struct AuditJournalPropertyTests {
    @Test(arguments: 0..<30)
    func whateverFailsTheTrailStaysWhole(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let file = ScriptedFile()
        let sync = AuditSync.allCases[seed % 3]
        var journal = try AuditJournal(file: file, opening: AuditOpening(size: 0, identity: 1), sync: sync)
        let encoder = try AuditEncoder(instance: "gw", style: .plain)
        let failing: [ScriptedFile.Call] = [.write, .synchronize, .truncate, .inspect, .probe, .reopen]
        var promised: [String] = []
        var refused: [String] = []
        var now: UInt64 = 0
        for round in 0..<60 {
            for call in failing where random.next() % 12 == 0 {
                let isShort = call == .write && random.next() % 2 == 0
                file.expect(call, isShort ? .takes(Int(random.next() % 900) + 1) : .fails("EIO"))
            }
            var batch = AuditBatch()
            var awaited: [String] = []
            for number in 0..<Int(random.next() % 4) {
                let isIntent = random.next() % 2 == 0
                let id = "id-\(round)-\(number)"
                let duty: AuditDuty = isIntent && sync == .always ? .awaited : .owed
                batch.append(AuditFixtures.entry(isIntent ? .intent : .outcome, id: id), duty: duty, encoder: encoder)
                if duty == .awaited { awaited.append(id) } else { promised.append(id) }
            }
            if journal.commit([batch], now: now) == .written { promised += awaited } else { refused += awaited }
            // A process that died here would leave this; what was promised to somebody who waited must be in it, once the tail is mended.
            if round % 6 == 0 {
                let end = file.bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
                #expect(try AuditFixtures.verify([Array(file.bytes[..<end])]).finding == nil)
            }
            now += random.next() % 300
            journal.tick(now: now)
        }
        while !journal.finish(now: now) || journal.counters.owed > 0 {
            now += 200
            journal.tick(now: now)
        }
        #expect(try AuditFixtures.verify([file.bytes]).finding == nil)
        let written = Set(
            file.bytes.split(separator: 0x0A).compactMap { line in
                String(decoding: line, as: UTF8.self).split(separator: "\"id\":\"").last?.split(separator: "\"").first.map(String.init)
            })
        #expect(written.isSuperset(of: promised))
        #expect(written.isDisjoint(with: refused))
    }
}

/// Steele, Lea and Flood's generator: small, and the same on every run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

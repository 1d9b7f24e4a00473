import Digests
import Testing

@testable import GatewayCore

@Suite struct AuditMirrorTests {
    private let main = ScriptedFile()
    private let mirror = ScriptedFile()

    private func open(_ sync: AuditSync = .always) throws -> (AuditJournal<AuditMirroredFile<ScriptedFile>>, AuditFileError?) {
        var file = AuditMirroredFile(main, mirror: mirror)
        let opening = try file.reopen()
        return (try AuditJournal(file: file, opening: opening, sync: sync), file.mirrorDoubt)
    }

    private func records(_ bytes: [UInt8], start: AuditVerifier.Start = .first) throws -> UInt64 {
        let verifier = try AuditFixtures.verify([bytes], start: start)
        #expect(verifier.finding == nil)
        return verifier.recordCount
    }

    private func notes() -> String { String(decoding: main.bytes, as: UTF8.self) }

    @Test func bothHaveTheSameLinesOnDisk() throws {
        var (journal, doubt) = try open()
        #expect(doubt == nil)
        #expect(journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 0) == .written)
        #expect(main.durable == main.bytes && mirror.durable == mirror.bytes && main.bytes == mirror.bytes)
        #expect(try records(mirror.bytes) == 2)
        main.expect(.write, .takes(5))
        mirror.expect(.write, .takes(3))
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 0) == .written)
        #expect(main.bytes == mirror.bytes)
    }

    @Test(arguments: [true, false], [ScriptedFile.Call.write, .synchronize, .inspect])
    func failureOfOneRefusesAndLeavesBothAsTheyWere(isMirror: Bool, call: ScriptedFile.Call) throws {
        var (journal, _) = try open()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        let before = main.bytes
        (isMirror ? mirror : main).broken = [call: "Input/output error", .probe: "Input/output error"]
        let reason = (isMirror ? "mirror: " : "") + "scripted: Input/output error"
        #expect(journal.commit([try AuditFixtures.batch(.awaited, .owed)], now: 1) == .failed(reason: reason))
        #expect(main.bytes == before && mirror.bytes == before)
        journal.tick(now: 201)
        #expect(journal.status == .unwritable(reason: reason))
        (isMirror ? mirror : main).broken = [:]
        journal.tick(now: 401)
        #expect(journal.status == .writable)
        #expect(try records(main.bytes) == 2)
        #expect(main.bytes == mirror.bytes)
    }

    @Test(arguments: [true, false])
    func theLaggingOneIsBroughtUpToDateAtTheStart(isMirror: Bool) throws {
        let lines = try AuditFixtures.lines(9)
        main.bytes = Array(lines[..<(isMirror ? 9 : 4)].joined())
        mirror.bytes = Array(lines[..<(isMirror ? 4 : 9)].joined())
        var (journal, doubt) = try open()
        #expect(doubt == nil)
        #expect(main.bytes == mirror.bytes && main.durable == main.bytes || mirror.durable == mirror.bytes)
        #expect(journal.chain.nextSequence == 10)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 0) == .written)
        #expect(try records(main.bytes) == 10)
        #expect(main.bytes == mirror.bytes)
        #expect(notes().contains(isMirror ? "mirror: 5 records were copied" : "from the mirror: 5 records were copied"))
    }

    @Test func aNewMirrorGetsWhatTheFileHolds() throws {
        main.bytes = Array(try AuditFixtures.lines(4, from: AuditChain(nextSequence: 11, previous: .zero)).joined())
        var (journal, doubt) = try open()
        #expect(doubt == nil)
        #expect(mirror.bytes == main.bytes)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        #expect(notes().contains("mirror: records 1 to 10 are not at hand, 4 records were copied"))
        #expect(try records(mirror.bytes, start: .anywhere) == 5)
    }

    @Test func aTornEndOfOneIsMended() throws {
        let lines = try AuditFixtures.lines(3)
        main.bytes = Array(lines.joined())
        mirror.bytes = Array(lines[..<2].joined()) + lines[2].prefix(100)
        var (journal, _) = try open()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        #expect(main.bytes == mirror.bytes)
        #expect(notes().contains("mirror: torn; mirror: 1 records were copied"))
    }

    @Test func twoTrailsAreNotMixed() throws {
        main.bytes = Array(try AuditFixtures.lines(3).joined())
        mirror.bytes = Array(
            try AuditFixtures.lines(3, from: AuditChain(nextSequence: 1, previous: try #require(AuditFixtures.someHash))).joined())
        let copy = mirror.bytes
        let (_, doubt) = try open()
        #expect(doubt?.description == "mirror: compare: it ends with another record 3 than the trail")
        #expect(mirror.bytes == copy)
        main.bytes += []
        mirror.bytes = Array(
            try AuditFixtures.lines(2, from: AuditChain(nextSequence: 1, previous: try #require(AuditFixtures.someHash))).joined())
        #expect(try open().1?.reason == "record 3 does not follow the other file's last one")
    }

    @Test func aRemovedMirrorIsMadeAnewAndFilled() throws {
        var (journal, _) = try open()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        mirror.isLinked = false
        mirror.nextFile = []
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1) == .written)
        #expect(mirror.bytes == main.bytes)
        #expect(notes().contains("mirror: 1 records were copied"))
    }

    @Test func aRemovedFileIsFilledFromTheMirror() throws {
        var (journal, _) = try open()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        _ = journal.commit([try AuditFixtures.batch(.owed)], now: 0)
        main.isLinked = false
        main.nextFile = []
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1) == .written)
        #expect(try records(main.bytes) == 3)
        #expect(mirror.bytes == main.bytes)
        #expect(notes().contains("the file was removed while in use"))
    }

    @Test func aFullMirrorRefusesUntilThereIsRoom() throws {
        var (journal, _) = try open()
        mirror.broken = [.write: "No space left on device", .probe: "No space left on device"]
        for now in stride(from: UInt64(0), to: 1000, by: 200) {
            #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: now) != .written)
            #expect(main.bytes.isEmpty && mirror.bytes.isEmpty)
        }
        mirror.broken = [:]
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 1000) == .written)
        #expect(main.bytes == mirror.bytes)
    }

    @Test func bothAreRotated() throws {
        var (journal, _) = try open()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        try journal.rotate(to: "-1", now: 1)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 2)
        #expect(main.rotated.map(\.suffix) == ["-1"] && mirror.rotated.map(\.suffix) == ["-1"])
        #expect(main.rotated[0].bytes == mirror.rotated[0].bytes && main.bytes == mirror.bytes)
        // One that cannot be rotated goes on in its old file.
        mirror.expect(.rotate, .fails("Read-only file system"))
        try journal.rotate(to: "-2", now: 3)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 4) == .written)
        #expect(try AuditFixtures.verify([mirror.rotated[0].bytes, mirror.bytes]).recordCount == 3)
        #expect(try AuditFixtures.verify(main.rotated.map(\.bytes) + [main.bytes]).recordCount == 3)
    }

    @Test func withoutAMirrorItIsThePlainFile() throws {
        var file = AuditMirroredFile(main, mirror: nil)
        let opening = try file.reopen()
        var journal = try AuditJournal(file: file, opening: opening, sync: .always)
        #expect(journal.commit([try AuditFixtures.batch(.awaited)], now: 0) == .written)
        #expect(main.calls == [.reopen, .inspect, .write, .synchronize])
    }
}

/// Whatever fails in either file, at the end both hold the same good chain with every record that was called written.
@Suite struct AuditMirrorPropertyTests {
    @Test(arguments: 0..<60)
    func whateverFailsBothTrailsAreWholeAndEqual(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 77)
        let files = [ScriptedFile(), ScriptedFile()]
        let sync = AuditSync.allCases[seed % 3]
        var file = AuditMirroredFile(files[0], mirror: files[1])
        let opening = try file.reopen()
        let checkpoint = seed % 2 == 0 ? AuditTestKeys.rule(.hmacSHA256, records: 7) : nil
        var journal = try AuditJournal(file: file, opening: opening, sync: sync, checkpoint: checkpoint.map { ($0, "gw") })
        let encoder = try AuditEncoder(instance: "gw", style: .plain)
        let failing: [ScriptedFile.Call] = [.write, .synchronize, .truncate, .inspect, .probe, .reopen, .rotate, .read]
        var promised: [String] = []
        var refused: [String] = []
        var now: UInt64 = 0
        for round in 0..<60 {
            for file in files {
                for call in failing where random.next() % 14 == 0 {
                    let isShort = call == .write && random.next() % 2 == 0
                    file.expect(call, isShort ? .takes(Int(random.next() % 900) + 1) : .fails("EIO"))
                }
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
            if random.next() % 9 == 0, journal.status == .writable { try? journal.rotate(to: "-\(round)", now: now) }
            now += random.next() % 300
            journal.tick(now: now)
        }
        while !journal.finish(now: now) || journal.counters.owed > 0 || journal.status != .writable {
            now += 200
            journal.tick(now: now)
        }
        let trails = files.map { $0.rotated.flatMap(\.bytes) + $0.bytes }
        let areEqual = trails[0] == trails[1]
        #expect(areEqual)
        #expect(try AuditFixtures.verify([trails[0]]).finding == nil)
        let written = Set(
            trails[0].split(separator: 0x0A).compactMap { line in
                String(decoding: line, as: UTF8.self).split(separator: "\"id\":\"").dropFirst().first?.split(separator: "\"").first.map(
                    String.init)
            })
        #expect(written.isSuperset(of: promised))
        #expect(written.isDisjoint(with: refused))
    }
}

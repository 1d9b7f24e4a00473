import Digests
import Testing

@testable import GatewayCore

/// Keys made for these tests and used nowhere else.
enum AuditTestKeys {
    static let hmac = Array("0123456789abcdef0123456789abcdef".utf8)
    static let privatePEM = Array(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEICmgc0q0irJ4K3eesdCkwAIKqSlcdEHkbOzYvctmazP4\n-----END PRIVATE KEY-----\n".utf8)
    static let publicPEM = Array(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEArAsd+7zoSdjG8/IH0QODh6h9xZhDfgYA2cfihYBwOEQ=\n-----END PUBLIC KEY-----\n".utf8)
    static let otherPublicPEM = Array(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA7eQeY+/MBQFQv5lcG6V67yvCdjeBuomc3HSUZgM93r8=\n-----END PUBLIC KEY-----\n".utf8)

    static func rule(_ algorithm: AuditCheckpointAlgorithm, records: UInt64 = 3) -> AuditCheckpointRule {
        AuditCheckpointRule(
            recordCount: records, intervalMilliseconds: 60_000, algorithm: algorithm,
            key: SecretBytes(algorithm == .ed25519 ? privatePEM : hmac))
    }

    static func verification(_ algorithm: AuditCheckpointAlgorithm) throws -> AuditVerificationKey {
        switch algorithm {
        case .hmacSHA256: try AuditVerificationKey(hmacKey: SecretBytes(hmac))
        case .ed25519: try AuditVerificationKey(publicKeyPEM: publicPEM)
        }
    }
}

@Suite struct AuditCheckpointTests {
    private let file = ScriptedFile()

    private func journal(
        _ sync: AuditSync = .always, _ algorithm: AuditCheckpointAlgorithm = .hmacSHA256, records: UInt64 = 3
    ) throws -> AuditJournal<ScriptedFile> {
        var journal = try AuditJournal(
            file: file, opening: AuditOpening(size: 0, identity: 1), sync: sync,
            checkpoint: (AuditTestKeys.rule(algorithm, records: records), "gw-1"))
        journal.timeOfDayOffset = 1_769_904_000_000
        return journal
    }

    private var lines: [[UInt8]] { file.bytes.split(separator: 0x0A).map { Array($0) } }

    /// `.` for a record and `C` for a checkpoint.
    private var shape: String {
        lines.map { String(decoding: $0, as: UTF8.self).contains(#""stage":"checkpoint""#) ? "C" : "." }.joined()
    }

    private func kept(_ journal: inout AuditJournal<ScriptedFile>) throws -> AuditCheckpoint {
        let taken = journal.takeCheckpoint()
        let line = try #require(taken)
        return try #require(Array(line.dropLast()).withUnsafeBytes { AuditCheckpoint($0) })
    }

    @Test(arguments: AuditCheckpointAlgorithm.allCases)
    func comesAfterSoManyRecordsAndIsOnDiskAtOnce(algorithm: AuditCheckpointAlgorithm) throws {
        var journal = try journal(.always, algorithm)
        _ = journal.commit([try AuditFixtures.batch(.owed, .owed)], now: 0)
        #expect(shape == "..")
        #expect(journal.takeCheckpoint() == nil)
        #expect(journal.commit([try AuditFixtures.batch(.owed)], now: 1) == .written)
        #expect(shape == "...C")
        #expect(file.durable == file.bytes)
        let checkpoint = try kept(&journal)
        #expect(checkpoint.sequence == 4)
        #expect(checkpoint.time == "2026-02-01T00:00:00.001Z")
        #expect(checkpoint.isSigned(by: [try AuditTestKeys.verification(algorithm)]))
        #expect(!checkpoint.isSigned(by: []))
        #expect(!checkpoint.isSigned(by: [try AuditVerificationKey(hmacKey: SecretBytes("another key of 16 bytes"))]))
        #expect(!checkpoint.isSigned(by: [try AuditVerificationKey(publicKeyPEM: AuditTestKeys.otherPublicPEM)]))
        #expect(journal.takeCheckpoint() == nil)
        #expect(journal.deadline == nil)
    }

    @Test func comesWhenARecordHasWaitedLongEnough() throws {
        var journal = try journal()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 10)
        #expect(journal.deadline == 60_010)
        journal.tick(now: 60_009)
        #expect(shape == ".")
        journal.tick(now: 60_010)
        #expect(shape == ".C")
        journal.tick(now: 200_000)
        #expect(shape == ".C")
        #expect(journal.deadline == nil)
    }

    @Test func endsTheProcessAndEachFile() throws {
        var journal = try journal()
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 0)
        try journal.rotate(to: "-1", now: 1)
        #expect(shape.isEmpty)
        _ = journal.commit([try AuditFixtures.batch(.awaited)], now: 2)
        let isWhole = journal.finish(now: 3)
        #expect(isWhole)
        #expect(shape == ".C")
        #expect(try AuditFixtures.verify([file.rotated[0].bytes, file.bytes]).checkpointCount == 2)
        // With nothing new there is nothing to sign.
        _ = journal.finish(now: 4)
        #expect(shape == ".C")
    }

    @Test(arguments: [ScriptedFile.Call.write, .synchronize])
    func failureTakesItBackWithItsRound(call: ScriptedFile.Call) throws {
        var journal = try journal(.interval)
        _ = journal.commit([try AuditFixtures.batch(.owed, .owed)], now: 0)
        file.expect(call, .fails("Input/output error"))
        #expect(journal.commit([try AuditFixtures.batch(.owed)], now: 1) != .written)
        #expect(journal.takeCheckpoint() == nil)
        journal.tick(now: 201)
        #expect(shape == "...C")
        #expect(try kept(&journal).sequence == 4)
        #expect(try AuditFixtures.verify([file.bytes]).finding == nil)
    }

    @Test func syncNeverWritesThemToo() throws {
        var journal = try journal(.never)
        _ = journal.commit([try AuditFixtures.batch(.owed, .owed, .owed)], now: 0)
        #expect(shape == "...C")
        #expect(try kept(&journal).sequence == 4)
        #expect(!file.calls.contains(.synchronize))
    }

    /// A trail of ten records with checkpoints at 4, 8 and 12, and the last of them as it is kept.
    private func trail(_ algorithm: AuditCheckpointAlgorithm) throws -> (lines: [[UInt8]], kept: AuditCheckpoint) {
        var journal = try journal(.always, algorithm)
        var last: AuditCheckpoint?
        for number in 0..<10 {
            _ = journal.commit([try AuditFixtures.batch(.awaited)], now: UInt64(number))
            if number % 3 == 2 { last = try kept(&journal) }
        }
        return (lines.map { $0 + [0x0A] }, try #require(last))
    }

    private func verify(
        _ lines: [[UInt8]], _ algorithm: AuditCheckpointAlgorithm = .hmacSHA256, kept: AuditCheckpoint? = nil,
        start: AuditVerifier.Start = .first
    ) throws -> AuditVerifier {
        var verifier = try AuditVerifier(start: start, keys: [try AuditTestKeys.verification(algorithm)], kept: kept)
        lines.joined().withContiguousStorage { verifier.consume($0) }
        verifier.endFile()
        verifier.finish()
        return verifier
    }

    @Test(arguments: AuditCheckpointAlgorithm.allCases)
    func cuttingTheTailAtAnyRecordIsNoticed(algorithm: AuditCheckpointAlgorithm) throws {
        let (lines, kept) = try trail(algorithm)
        #expect(lines.count == 13 && kept.sequence == 12)
        for count in 0..<12 {
            let finding = try verify(Array(lines[..<count]), algorithm, kept: kept).finding
            #expect(finding?.fault == .endMissing(last: 12), "\(count) records left")
            #expect(finding?.sequence == UInt64(count + 1))
        }
        for count in 12...13 { #expect(try verify(Array(lines[..<count]), algorithm, kept: kept).finding == nil) }
        // The older files are not at hand.
        #expect(try verify(Array(lines[5...]), algorithm, kept: kept, start: .anywhere).finding == nil)
        #expect(try verify(Array(lines[12...]), algorithm, kept: kept, start: .anywhere).checkpointCount == 0)
    }

    @Test func whoRewritesTheTrailLacksTheKey() throws {
        let (lines, kept) = try trail(.ed25519)
        let context = try SHA256Context()
        var chain = AuditChain()
        // The same records but one, chained anew, with the old signatures.
        let forged = try lines.enumerated().map { index, line -> [UInt8] in
            var text = String(decoding: line, as: UTF8.self)
            if index == 1 { text = text.replacing("\"billing\"", with: "\"someone\"") }
            let start = try #require(text.firstRange(of: ",\"time\"")).lowerBound
            let end = try #require(text.firstRange(of: ",\"prev\"")).lowerBound
            var new: [UInt8] = []
            Array(text[start..<end].utf8).withUnsafeBytes { chain.seal($0, with: context, into: &new) }
            return new
        }
        #expect(try AuditFixtures.verify([Array(forged.joined())]).finding == nil)
        #expect(try verify(forged, .ed25519).finding == AuditFinding(fault: .badSignature, sequence: 4, file: 0, line: 4))
        var keyless = try AuditVerifier(kept: kept)
        forged.joined().withContiguousStorage { keyless.consume($0) }
        #expect(keyless.finding?.fault == .otherCheckpoint)
    }

    @Test func checkpointsThatWereTakenOutAreMissed() throws {
        let records = try AuditFixtures.lines(5)
        #expect(try verify(records).finding == AuditFinding(fault: .unsigned, sequence: 5, file: 0, line: 5))
        #expect(try verify([]).finding == nil)
    }

    @Test func everyFlippedBitOfACheckpointIsNoticed() throws {
        let (lines, kept) = try trail(.hmacSHA256)
        let line = lines[11].dropLast()
        let key = try AuditTestKeys.verification(.hmacSHA256)
        for index in line.indices {
            for bit in 0..<8 {
                var changed = Array(line)
                changed[index] ^= 1 << UInt8(bit)
                let read = changed.withUnsafeBytes { AuditCheckpoint($0) }
                // Its hash is compared with the trail, everything else is covered by that or by the signature.
                let isGood = read == kept && read?.isSigned(by: [key]) == true
                let isIntact = changed.withUnsafeBytes { bytes in AuditLine(bytes)?.isIntact(in: bytes, with: context) ?? false }
                #expect(!(isGood && isIntact), "byte \(index), bit \(bit)")
            }
        }
    }

    private let context: SHA256Context

    init() throws { context = try SHA256Context() }

    @Test(arguments: [
        ("", AuditCheckpointAlgorithm.hmacSHA256, "is shorter than 16 bytes"), ("fifteen bytes !", .hmacSHA256, "is shorter than 16 bytes"),
        ("no PEM", .ed25519, "is no unencrypted key in PEM form"),
        (String(decoding: AuditTestKeys.publicPEM, as: UTF8.self), .ed25519, "is no unencrypted key in PEM form"),
    ])
    func badKeysAreRefused(key: String, algorithm: AuditCheckpointAlgorithm, reason: String) {
        let error = #expect(throws: AuditSigner.BadKey.self) { try AuditSigner(algorithm, key: SecretBytes(key)) }
        #expect(error?.description == reason)
    }

    @Test func keysStayOutOfDescriptions() {
        let rule = AuditTestKeys.rule(.hmacSHA256)
        var dumped = "\(rule) \(String(reflecting: rule)) \(AuditRule(path: "a", checkpoint: rule))"
        dump(rule, to: &dumped)
        #expect(!dumped.contains("0123456789abcdef") && !dumped.contains("48, 49, 50"))
    }
}

extension Sequence<UInt8> {
    func withContiguousStorage(_ body: (UnsafeRawBufferPointer) -> Void) { Array(self).withUnsafeBytes(body) }
}

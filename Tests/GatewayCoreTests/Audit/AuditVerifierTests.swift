import Digests
import Testing

@testable import GatewayCore

@Suite struct AuditVerifierTests {
    private func finding(_ lines: [[UInt8]]) throws -> AuditFinding? {
        try AuditFixtures.verify([Array(lines.joined())]).finding
    }

    @Test(arguments: [1, 2, 3, 7, 64, 709, 710, 711, 1 << 16])
    func intactTrailInChunksOfAnySize(chunk: Int) throws {
        let verifier = try AuditFixtures.verify([Array(try AuditFixtures.lines(9).joined())], chunk: chunk)
        #expect(verifier.finding == nil)
        #expect(verifier.recordCount == 9)
        #expect(verifier.chain.nextSequence == 10)
    }

    @Test func everyFlippedBitOfEveryByteIsNoticed() throws {
        let lines = try AuditFixtures.lines(3)
        let trail = Array(lines.joined())
        var line = 0
        var end = lines[0].count
        for index in trail.indices {
            if index == end {
                line += 1
                end += lines[line].count
            }
            for bit in 0..<8 {
                var changed = trail
                changed[index] ^= 1 << UInt8(bit)
                let finding = try AuditFixtures.verify([changed]).finding
                // A flipped last newline leaves a line without end.
                let isLast = index == trail.count - 1
                #expect(finding?.fault == (isLast ? .cutOff : .edited), "byte \(index), bit \(bit)")
                #expect(finding?.sequence == UInt64(line + 1))
                #expect(finding?.line == UInt64(line + 1))
            }
        }
    }

    @Test(arguments: 0..<6)
    func everyDroppedLineIsNoticed(index: Int) throws {
        var lines = try AuditFixtures.lines(7)
        lines.remove(at: index)
        let finding = try finding(lines)
        #expect(
            finding == AuditFinding(fault: .missing(last: UInt64(index + 1)), sequence: UInt64(index + 1), file: 0, line: UInt64(index + 1))
        )
    }

    @Test func severalDroppedLinesAreNamed() throws {
        var lines = try AuditFixtures.lines(9)
        lines.removeSubrange(2..<6)
        #expect(try finding(lines) == AuditFinding(fault: .missing(last: 6), sequence: 3, file: 0, line: 3))
    }

    @Test func everySwapIsNoticed() throws {
        let lines = try AuditFixtures.lines(6)
        for first in 0..<6 {
            for second in first + 1..<6 {
                var swapped = lines
                swapped.swapAt(first, second)
                #expect(
                    try finding(swapped)
                        == AuditFinding(
                            fault: .swapped(file: 0, line: UInt64(second + 1)), sequence: UInt64(first + 1), file: 0,
                            line: UInt64(first + 1)))
            }
        }
    }

    @Test func repeatedLineIsNoticed() throws {
        var lines = try AuditFixtures.lines(4)
        lines.insert(lines[1], at: 3)
        #expect(try finding(lines) == AuditFinding(fault: .repeated, sequence: 2, file: 0, line: 4))
    }

    @Test func rewrittenRecordWithARightHashIsNoticed() throws {
        var lines = try AuditFixtures.lines(4)
        let first = try #require(lines[0].dropLast().withUnsafeBytes { AuditLine($0) })
        var chain = AuditChain(nextSequence: 2, previous: first.hash)
        let body = try AuditFixtures.body(AuditFixtures.entry(.outcome, id: "forged"))
        lines[1] = []
        try body.withUnsafeBytes { chain.seal($0, with: try SHA256Context(), into: &lines[1]) }
        #expect(try finding(lines) == AuditFinding(fault: .unlinked, sequence: 3, file: 0, line: 3))
    }

    @Test func endCutInsideALineIsNoticed() throws {
        let lines = try AuditFixtures.lines(3)
        let trail = Array(lines.joined())
        for length in lines[0].count + lines[1].count + 1..<trail.count {
            let finding = try AuditFixtures.verify([Array(trail[..<length])]).finding
            #expect(finding == AuditFinding(fault: .cutOff, sequence: 3, file: 0, line: 3))
        }
    }

    @Test func chainGoesOnOverFiles() throws {
        let lines = try AuditFixtures.lines(6)
        let files = [Array(lines[..<2].joined()), [], Array(lines[2..<5].joined()), lines[5]]
        #expect(try AuditFixtures.verify(files).finding == nil)
        let swapped = try AuditFixtures.verify([files[0], files[3], files[2]]).finding
        #expect(swapped == AuditFinding(fault: .swapped(file: 2, line: 1), sequence: 3, file: 1, line: 1))
    }

    @Test func trailWithoutItsBeginning() throws {
        let lines = try AuditFixtures.lines(5)
        let rest = Array(lines[2...].joined())
        #expect(try AuditFixtures.verify([rest]).finding == AuditFinding(fault: .missing(last: 2), sequence: 1, file: 0, line: 1))
        let partial = try AuditFixtures.verify([rest], start: .anywhere)
        #expect(partial.finding == nil)
        #expect(partial.firstSequence == 3)
        #expect(partial.recordCount == 3)
    }

    @Test func emptyTrailIsIntact() throws {
        #expect(try AuditFixtures.verify([[]]).finding == nil)
        #expect(try AuditFixtures.verify([]).recordCount == 0)
    }

    @Test func endlessLineIsNoRecord() throws {
        let endless = [UInt8](repeating: 0x61, count: AuditVerifier.longestLine + 2)
        #expect(try AuditFixtures.verify([endless]).finding?.fault == .edited)
    }
}

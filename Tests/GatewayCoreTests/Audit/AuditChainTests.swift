import Digests
import Testing

@testable import GatewayCore

@Suite struct AuditChainTests {
    @Test func firstRecordFollowsZeros() throws {
        let line = try AuditFixtures.lines(1)[0]
        let text = String(decoding: line, as: UTF8.self)
        #expect(text.hasPrefix(#"{"v":1,"seq":1,"time":"#))
        #expect(text.contains(",\"prev\":\"" + String(repeating: "0", count: 64) + "\",\"hash\":\""))
        #expect(text.hasSuffix("\"}\n"))
    }

    @Test func hashCoversTheLineUpToItsHash() throws {
        let lines = try AuditFixtures.lines(3)
        var previous = String(repeating: "0", count: 64)
        for line in lines {
            let text = String(decoding: line, as: UTF8.self)
            let marker = try #require(text.firstRange(of: #","hash":""#))
            let covered = Array(text[..<marker.lowerBound].utf8)
            let hash = Hex.string(try SHA256.hash(covered))
            #expect(text[marker.upperBound...] == hash + "\"}\n")
            #expect(text.contains("\"prev\":\"\(previous)\""))
            previous = hash
        }
    }

    @Test func noteStandsBeforePrev() throws {
        var chain = AuditChain(nextSequence: 9)
        var line: [UInt8] = []
        try AuditFixtures.body(AuditFixtures.entry(.intent)).withUnsafeBytes { body in
            chain.seal(body, note: "a \"torn\" line", with: try SHA256Context(), into: &line)
        }
        #expect(String(decoding: line, as: UTF8.self).contains(#""waitMs":0},"note":"a \"torn\" line","prev":"#))
        #expect(chain.nextSequence == 10)
    }

    @Test(arguments: [
        "", "{}", #"{"v":1,"seq":1,"#, #"{"v":2,"seq":1,"prev":"#, "\0\0\0\0",
    ])
    func otherLinesAreNoRecords(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { AuditLine($0) } == nil)
    }

    @Test(arguments: ["01", "0", "", "1234567890123456789", "-1", "1 "])
    func sequenceIsACanonicalNumber(digits: String) throws {
        let text = String(decoding: try AuditFixtures.lines(1)[0].dropLast(), as: UTF8.self)
        #expect(Array(text.utf8).withUnsafeBytes { AuditLine($0) }?.sequence == 1)
        let changed = text.replacing(#""seq":1,"#, with: "\"seq\":\(digits),")
        #expect(Array(changed.utf8).withUnsafeBytes { AuditLine($0) } == nil)
    }
}

@Suite struct AuditTailTests {
    private func tail(_ bytes: [UInt8], isWholeFile: Bool = true) throws -> AuditTail {
        let context = try SHA256Context()
        return bytes.withUnsafeBytes { AuditTail($0, isWholeFile: isWholeFile, with: context) }
    }

    @Test func emptyFile() throws {
        #expect(try tail([]) == .empty)
    }

    @Test func lineTornAtAnyByteIsFound() throws {
        let lines = try AuditFixtures.lines(3)
        let whole = lines[0] + lines[1]
        let line = try #require(lines[1].dropLast().withUnsafeBytes { AuditLine($0) })
        for length in 0..<lines[2].count {
            #expect(
                try tail(whole + lines[2][..<length])
                    == .record(sequence: 2, hash: line.hash, keptByteCount: whole.count, isEdited: false))
        }
    }

    @Test func firstLineTornAtAnyByte() throws {
        let line = try AuditFixtures.lines(1)[0]
        for length in 1..<line.count { #expect(try tail(Array(line[..<length])) == .torn) }
    }

    @Test func zerosAndForeignLinesAtTheEndAreTorn() throws {
        let line = try AuditFixtures.lines(1)[0]
        for rest in [Array(repeating: UInt8(0), count: 5000), Array("\0\0\n\0\n".utf8), line[20...] + []] {
            guard case .record(1, _, line.count, false) = try tail(line + rest) else {
                Issue.record("not found before \(rest.count) bytes")
                continue
            }
        }
    }

    @Test func editedLastRecordStays() throws {
        var lines = try AuditFixtures.lines(2)
        lines[1][30] ^= 1
        guard case .record(2, _, lines[0].count + lines[1].count, true) = try tail(lines[0] + lines[1]) else {
            Issue.record("not seen as edited")
            return
        }
    }

    @Test func partOfAFileMayNeedMore() throws {
        let lines = try AuditFixtures.lines(2)
        #expect(try tail(Array(lines[1][5...]), isWholeFile: false) == .needsMore)
        #expect(try tail(Array(lines[0][5...] + lines[1]), isWholeFile: false) != .needsMore)
    }
}

import Digests
import GatewayCore
import Glibc
import Testing

@testable import Gateway

/// Writes a trail file by file.
private struct WrittenTrail {
    let folder = TemporaryFolder()
    private var chain = AuditChain()
    private let context: SHA256Context

    init() throws { context = try SHA256Context() }

    /// A file with `count` records, each of the caller that `name` gives for its number. How far it is on disk.
    mutating func write(_ file: String, _ count: Int, padding: Int = 0, rest: String = "", name: (UInt64) -> String = { _ in "a" })
        -> AuditPosition
    {
        var bytes: [UInt8] = []
        for _ in 0..<count {
            let sequence = chain.nextSequence
            let body =
                ",\"time\":\"2026-01-31T00:00:00.000Z\",\"stage\":\"\(sequence % 2 == 0 ? "outcome" : "intent")\",\"id\":\"id-\(sequence)\","
                + "\"caller\":{\"name\":\"\(name(sequence))\"},\"pad\":\"\(String(repeating: "x", count: padding))\""
            Array(body.utf8).withUnsafeBytes { chain.seal($0, with: context, into: &bytes) }
        }
        folder.write(file, bytes + Array(rest.utf8))
        var status = stat()
        stat(folder / file, &status)
        return AuditPosition(identity: UInt64(status.st_ino), size: bytes.count, sequence: chain.nextSequence - 1)
    }
}

@Suite("The newest records, from the end of the trail")
struct RecordSearchTests {
    private func search(
        _ trail: WrittenTrail, _ position: AuditPosition, limit: Int = 100, caller: String? = nil, stage: String? = nil, text: String = ""
    ) -> (found: [UInt64], result: RecordSearch.Result) {
        var filter = AuditFilter()
        filter.caller = caller
        filter.stage = stage
        let result = RecordSearch(filter: filter, text: Array(text.utf8), limit: limit).run(path: trail.folder / "t", position: position)
        return (result.lines.compactMap { Array($0.utf8).withUnsafeBytes { AuditFields($0) }?.sequence }, result)
    }

    @Test("They come newest first, as they stand there, and no farther than they are on disk")
    func newestFirst() throws {
        var trail = try WrittenTrail()
        let position = trail.write("t", 5, rest: "{\"v\":1,\"seq\":6,\"stage\":\"intent\"")
        let (found, result) = search(trail, position)
        #expect(found == [5, 4, 3, 2, 1] && result.searchedCount == 5 && result.reachedStart)
        #expect(trail.folder.read("t").starts(with: Array("\(result.lines[4])\n\(result.lines[3])\n".utf8)))
        #expect(search(trail, position, limit: 2).found == [5, 4])
        #expect(!search(trail, position, limit: 2).result.reachedStart)
    }

    @Test(
        "Filters look for what is asked",
        arguments: [("b", nil, "", [6, 3]), (nil, "outcome", "", [6, 4, 2]), (nil, nil, "id-5", [5])]
            as [(String?, String?, String, [UInt64])])
    func filters(caller: String?, stage: String?, text: String, wanted: [UInt64]) throws {
        var trail = try WrittenTrail()
        let position = trail.write("t", 6) { $0 % 3 == 0 ? "b" : "a" }
        #expect(search(trail, position, caller: caller, stage: stage, text: text).found == wanted)
    }

    @Test("Lines that lie across the pieces that are read are whole", arguments: [90_000, 262_144 - 400, 300_000])
    func acrossPieces(padding: Int) throws {
        var trail = try WrittenTrail()
        let position = trail.write("t", 7, padding: padding)
        #expect(search(trail, position).found == [7, 6, 5, 4, 3, 2, 1])
    }

    @Test("Rotated files follow, and one that was just rotated away from its name is found")
    func rotated() throws {
        var trail = try WrittenTrail()
        _ = trail.write("t.2", 3)
        let before = trail.write("t.1", 3)
        let position = trail.write("t", 2)
        #expect(search(trail, position).found == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(search(trail, position, limit: 4).found == [8, 7, 6, 5])
        // The writer has not said yet that it goes on in the new file.
        #expect(search(trail, before).found.contains(6))
    }

    @Test("It ends somewhere")
    func bound() throws {
        var trail = try WrittenTrail()
        let position = trail.write("t", RecordSearch.searchLimit + 5)
        let (found, result) = search(trail, position, text: "id-2\"")
        #expect(found == [] && result.searchedCount == RecordSearch.searchLimit && !result.reachedStart)
    }

    @Test("Where there is nothing, nothing is found")
    func empty() throws {
        var trail = try WrittenTrail()
        let position = trail.write("t", 0)
        #expect(search(trail, position).found == [])
        #expect(search(trail, AuditPosition(identity: 0, size: 10, sequence: 0)).found == [])
    }

    @Test(
        "A query says what it says",
        arguments: [
            ("text=%2B1206&limit=5", "+1206", 5), ("text=a+b", "a b", 100), ("text=%zz%2", "%zz%2", 100), ("", nil, 100),
            ("text=", nil, 100),
            ("limit=0", nil, 100), ("limit=99999", nil, 1000), ("limit=-1&text=%C3%A9", "\u{E9}", 100), ("&&==&text", nil, 100),
        ] as [(String, String?, Int)])
    func query(target: String, text: String?, limit: Int) {
        let query = AdminQuery(target)
        #expect(query["text"] == text)
        #expect(query.count("limit", standard: 100, most: 1000) == limit)
    }
}

import Testing

@testable import Gateway

@Suite("Ids of exchanges")
struct ExchangeIDTests {
    @Test("A UUID of version 7 that begins with the time", arguments: [0, 1, 1_440_938_160_000, 0xFFFF_FFFF_FFFF] as [Int64])
    func shape(milliseconds: Int64) throws {
        var source = ExchangeIDSource()
        for _ in 0..<100 {
            let text = String(decoding: source.next(wallMilliseconds: milliseconds), as: UTF8.self)
            let shape = try #/^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/#.wholeMatch(in: text)
            let parts = try #require(shape, "\(text)")
            #expect(Int64(parts.1 + parts.2, radix: 16) == milliseconds)
        }
    }

    @Test("No two are alike, within a source or between sources, at the same millisecond")
    func unique() {
        var seen: Set<[UInt8]> = []
        for _ in 0..<4 {
            var source = ExchangeIDSource()
            for _ in 0..<25_000 { seen.insert(source.next(wallMilliseconds: 1_440_938_160_000)) }
        }
        #expect(seen.count == 100_000)
    }

    @Test("Later ones sort later")
    func order() {
        var source = ExchangeIDSource()
        let ids = (0..<1000).map { source.next(wallMilliseconds: 1_440_938_160_000 + Int64($0)) }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }
}

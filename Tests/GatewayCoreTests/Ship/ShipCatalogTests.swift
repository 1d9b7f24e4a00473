import Testing

@testable import GatewayCore

private func file(_ name: String, _ first: UInt64?, previous: AuditHash = .zero, identity: UInt64 = 0, size: Int = 10) -> ShipCatalog.File {
    ShipCatalog.File(
        name: name, identity: identity, first: first.map { ShipCatalog.First(sequence: $0, previous: previous) },
        isCompressed: name.hasSuffix(".gz"), size: size, isLive: name == "a")
}

@Suite struct ShipCatalogTests {
    @Test func looksForACursorWhereItWasAndThenWhereItMustBe() {
        let catalog = ShipCatalog([
            file("a", 21, identity: 3), file("a.1", 11, identity: 2), file("a.2", 1, identity: 1), file("a.1.gz", 11, identity: 7),
        ])
        func names(_ sequence: UInt64, _ identity: UInt64) -> [String] {
            catalog.candidates(for: ShipCursor(sequence: sequence, identity: identity)).map(\.name)
        }
        #expect(names(15, 2) == ["a.1", "a.1.gz"])
        #expect(names(15, 99) == ["a.1", "a.1.gz"])
        #expect(names(25, 3) == ["a"])
        // Copied and compressed since, and its number went to another file.
        #expect(names(5, 2) == ["a.2"])
        // A file whose number is the right one and which yet begins earlier than the nearest: a chain that began anew.
        #expect(names(30, 1) == ["a.2", "a"])
        #expect(ShipCatalog([file("a", 5)]).candidates(for: ShipCursor(sequence: 4)) == [])
        #expect(ShipCatalog([]).candidates(for: ShipCursor(sequence: 4)) == [])
    }

    @Test func followsTheChain() throws {
        let hash = try shipHash("a")
        let catalog = ShipCatalog([
            file("a", 21, previous: try shipHash("b")), file("a.1.gz", 11, previous: hash), file("a.1", 11, previous: hash), file("a.2", 1),
        ])
        #expect(catalog.successor(after: 0, .zero)?.file.name == "a.2")
        let next = try #require(catalog.successor(after: 10, hash))
        #expect(next.file.name == "a.1" && !next.isGap)
        let gap = try #require(catalog.successor(after: 15, hash))
        #expect(gap.file.name == "a" && gap.isGap)
        let other = try #require(catalog.successor(after: 10, try shipHash("c")))
        #expect(other.file.name == "a.1" && other.isGap)
        let anew = try #require(catalog.successor(after: 99, hash))
        #expect(anew.file.name == "a" && anew.isGap)
        #expect(ShipCatalog([file("a", nil), file("a.1", 1)]).successor(after: 9, hash) == nil)
    }

    @Test func countsWhatLiesBehindAFileOnce() {
        let catalog = ShipCatalog([
            file("a", 31, size: 1), file("a.1", 21, size: 20), file("a.1.gz", 21, size: 5), file("a.2", 11, size: 300),
        ])
        #expect(catalog.byteCount(after: 1) == 320 && catalog.byteCount(after: 11) == 20 && catalog.byteCount(after: 21) == 0)
    }
}

@Suite struct ShipCursorTests {
    @Test func survivesItsFile() throws {
        let cursor = ShipCursor(sequence: 7, hash: try shipHash("e"), identity: .max, offset: 123)
        #expect(ShipCursor(decoding: cursor.encoded) == cursor)
        #expect(ShipCursor(decoding: ShipCursor().encoded) == ShipCursor())
    }

    @Test func cutOrEditedFilesAreNone() throws {
        let bytes = ShipCursor(sequence: 7, hash: try shipHash("e"), identity: 1, offset: 2).encoded
        for count in 0..<bytes.count { #expect(ShipCursor(decoding: Array(bytes[..<count])) == nil) }
        for text in ["countersign-ship-2 1 \(AuditHash.zero) 1 1\n", "countersign-ship-1 1 \(AuditHash.zero) 1 -1\n", "\n"] {
            #expect(ShipCursor(decoding: Array(text.utf8)) == nil)
        }
    }

    @Test(arguments: [
        ("stdout", "t.ship-stdout-"), ("syslog+tcp://127.0.0.1:514", "t.ship-syslog_tcp___127.0.0.1_514-"),
        ("syslog+unix:///a/../../b", "t.ship-syslog_unix____a_.._.._b-"),
    ])
    func namesItsFileAfterTheDestination(destination: String, prefix: String) {
        let name = ShipCursor.fileName(trail: "t", destination: destination)
        #expect(name.hasPrefix(prefix) && name.hasSuffix(".cursor") && name.utf8.count == prefix.utf8.count + 8 + 7)
        #expect(ShipCursor.fileName(trail: "t", destination: "syslog+tcp:__127.0.0.1:514") != name)
    }
}

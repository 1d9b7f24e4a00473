import Digests
import GatewayCore
import Glibc
import Testing

@testable import Gateway

/// Writes a trail by hand, file by file.
private struct HandWrittenTrail {
    let folder: TemporaryFolder
    var chain = AuditChain()
    let context: SHA256Context

    init(_ folder: TemporaryFolder) throws {
        self.folder = folder
        context = try SHA256Context()
    }

    /// A new file with `count` records, and `rest` behind them. Returns how far it is on disk.
    @discardableResult
    mutating func write(_ name: String, _ count: Int, rest: String = "") -> AuditPosition {
        var bytes: [UInt8] = []
        for _ in 0..<count {
            let body = ",\"time\":\"2026-01-31T00:00:00.000Z\",\"stage\":\"intent\",\"id\":\"x\",\"instance\":\"g\""
            Array(body.utf8).withUnsafeBytes { chain.seal($0, with: context, into: &bytes) }
        }
        let size = bytes.count
        folder.write(name, bytes + Array(rest.utf8))
        return AuditPosition(identity: identity(name), size: size, sequence: chain.nextSequence - 1)
    }

    func identity(_ name: String) -> UInt64 {
        var status = stat()
        return stat(folder / name, &status) == 0 ? UInt64(status.st_ino) : 0
    }
}

@Suite struct ShipReaderTests {
    private let folder = TemporaryFolder()

    private func all(_ reader: ShipReader, _ position: AuditPosition, now: UInt64 = 0) -> [UInt64] {
        var found: [UInt64] = []
        while case .records = reader.read(
            upTo: position, now: now,
            { record, _ in
                found.append(record.line.sequence)
                return found.count % 3 != 0
            })
        {}
        return found
    }

    @Test func readsNoFurtherThanTheTrailIsOnDisk() throws {
        var trail = try HandWrittenTrail(folder)
        let whole = trail.write("t", 6, rest: "{\"v\":1,\"seq\":7")
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        let line = whole.size / 6
        #expect(all(reader, AuditPosition(identity: whole.identity, size: 2 * line, sequence: 2)) == [1, 2])
        #expect(reader.bytesLeft(upTo: whole) == 4 * line)
        #expect(reader.peekTime(upTo: whole, now: 0) == RFC3339.parse("2026-01-31T00:00:00.000Z".utf8))
        #expect(all(reader, whole) == [3, 4, 5, 6])
        #expect(reader.peekTime(upTo: whole, now: 0) == nil && reader.bytesLeft(upTo: whole) == 0)
    }

    @Test func goesOverRotatedFilesInTheOrderOfTheChain() throws {
        var trail = try HandWrittenTrail(folder)
        trail.write("t-1", 2, rest: "torn by a crash\nand more")
        trail.write("t.7", 3)
        trail.write("t-20260131", 1)
        let position = trail.write("t", 4)
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        #expect(all(reader, position) == Array(1...10))
        #expect(reader.gaps == 0 && reader.skipped == 1)
    }

    @Test(arguments: 0...10) func goesOnFromEveryCursorInAFreshProcess(place: UInt64) throws {
        var trail = try HandWrittenTrail(folder)
        trail.write("t-1", 5)
        let position = trail.write("t", 5)
        let first = ShipReader(path: folder / "t", cursor: ShipCursor())
        var count: UInt64 = 0
        while count < place,
            case .records = first.read(
                upTo: position, now: 0,
                { _, _ in
                    count += 1
                    return false
                })
        {}
        #expect(first.cursor.sequence == place)
        // As it lies there, and as a copy elsewhere would look: other numbers of files.
        for identity in [first.cursor.identity, 1] {
            var cursor = first.cursor
            cursor.identity = identity
            #expect(all(ShipReader(path: folder / "t", cursor: cursor), position) == Array((place + 1)..<11))
        }
    }

    @Test func goesBackInTheFileInHandAndBeforeIt() throws {
        var trail = try HandWrittenTrail(folder)
        trail.write("t-1", 3)
        let position = trail.write("t", 3)
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        var cursors: [ShipCursor] = [reader.cursor]
        while case .records = reader.read(upTo: position, now: 0, { _, _ in false }) { cursors.append(reader.cursor) }
        for (place, cursor) in cursors.enumerated().reversed() {
            reader.seek(to: cursor)
            #expect(all(reader, position) == Array(UInt64(place + 1)..<7))
        }
    }

    @Test func aGapIsOneOnlyWhenItLasts() throws {
        var trail = try HandWrittenTrail(folder)
        let old = trail.write("t", 2)
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        #expect(all(reader, old) == [1, 2])
        rename(folder / "t", folder / "t.1")
        var lost: [UInt8] = []
        trail.write("lost", 2)
        lost = folder.read("lost")
        let position = trail.write("t", 2)
        #expect(all(reader, position, now: 1000) == [] && reader.gaps == 0)
        folder.write("t.2", lost)
        #expect(all(reader, position, now: 1500) == [3, 4, 5, 6] && reader.gaps == 0)
        let other = ShipReader(path: folder / "t", cursor: ShipCursor())
        unlink(folder / "t.2")
        #expect(all(other, position, now: 10_000) == [1, 2])
        #expect(all(other, position, now: 12_999) == [])
        #expect(all(other, position, now: 13_000) == [5, 6] && other.gaps == 1)
    }

    @Test func aFileThatWasCutIsLookedForAnew() throws {
        var trail = try HandWrittenTrail(folder)
        let old = trail.write("t", 3)
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        #expect(all(reader, old) == [1, 2, 3])
        // As logrotate's copytruncate does.
        folder.write("t.1", folder.read("t"))
        let position = trail.write("t", 1)
        #expect(position.identity == old.identity)
        #expect(all(reader, position) == [4] && reader.gaps == 0)
    }

    @Test func waitsForAFileThatIsNotThereYet() throws {
        let reader = ShipReader(path: folder / "t", cursor: ShipCursor())
        #expect(all(reader, AuditPosition(identity: 1, size: 0, sequence: 0)) == [])
        var trail = try HandWrittenTrail(folder)
        let position = trail.write("t", 2)
        #expect(all(reader, position) == [1, 2])
    }
}

@Suite struct ShipEdgeTests {
    private let folder = TemporaryFolder()

    @Test func cursorFilesAreReplacedAsAWhole() throws {
        let file = ShipCursorFile(trail: folder / "t", destination: ShipDestination(.standardOutput))
        #expect(file.load() == nil)
        for sequence: UInt64 in 1...3 {
            let cursor = ShipCursor(sequence: sequence, identity: 5, offset: 6)
            #expect(file.save(cursor) == nil)
            #expect(file.load() == cursor)
        }
        #expect(folder.names.count == 1)
        let nowhere = ShipCursorFile(trail: folder / "none/t", destination: ShipDestination(.standardOutput))
        #expect(nowhere.save(ShipCursor()) == "No such file or directory")
    }

    @Test func aBellRingsOnceForWhoAsked() throws {
        let bell = try #require(Doorbell())
        func hasRung() -> Bool {
            var wait = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&wait, 1, 0) == 1
        }
        bell.ring()
        #expect(!hasRung())
        bell.arm()
        bell.ring()
        bell.ring()
        #expect(hasRung())
        bell.arm()
        #expect(!hasRung())
    }

    /// A ring that writes after the bell was armed again must not keep who waits awake for ever.
    @Test func aLateRingIsSilenced() async throws {
        let bell = try #require(Doorbell())
        @Sendable func hasRung() -> Bool {
            var wait = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&wait, 1, 0) == 1
        }
        await withTaskGroup { group in
            group.addTask {
                for _ in 0..<50_000 { bell.ring() }
            }
            group.addTask {
                for _ in 0..<50_000 {
                    bell.arm()
                    if hasRung() { bell.silence() }
                }
            }
        }
        bell.arm()
        bell.silence()
        #expect(!hasRung())
        bell.ring()
        #expect(hasRung())
        bell.silence()
        #expect(!hasRung())
    }

    @Test func positionsRingWhenTheyMove() throws {
        let positions = AuditPositions()
        let bell = try #require(Doorbell())
        positions.add(bell)
        bell.arm()
        positions.publish(AuditPosition(identity: 1, size: 2, sequence: 3))
        #expect(positions.current?.sequence == 3)
        var wait = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&wait, 1, 0) == 1)
        bell.arm()
        positions.publish(AuditPosition(identity: 1, size: 2, sequence: 3))
        #expect(poll(&wait, 1, 0) == 0)
    }
}

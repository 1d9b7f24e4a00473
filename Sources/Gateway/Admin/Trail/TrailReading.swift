import GatewayCore
import Glibc

/// The thread of a follower.
final class TrailReading {
    private let follower: TrailFollower
    private let path: String
    private var progress = TrailFollower.Progress()

    /// Records at a time: between two batches others may look.
    private static let batchCount = 4096
    /// Records a second while nobody looks.
    private static let unwatchedCount = 1000
    /// Between two batches, in milliseconds.
    private static let unwatchedPause: UInt64 = 1000
    private static let watchedPause: UInt64 = 100

    init(follower: TrailFollower, path: String) {
        self.follower = follower
        self.path = path
    }

    /// Starts the thread, which alone uses this object from then on. False where the system has none left.
    consuming func start() -> Bool {
        do throws(BackgroundThread.Failure) {
            pthread_detach(try BackgroundThread.start { [self] in run() })
            return true
        } catch {
            return false
        }
    }

    private func run() {
        // On Linux this is the priority of the thread alone (setpriority(2), notes): requests go first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        let start = Clock.wallMilliseconds() - DeletionQueue.lifetimeMilliseconds
        let reader = ShipReader(path: path, cursor: ShipDirectory(path: path).cursor(before: start))
        while !follower.isStopping {
            // Before reading: what is published from here on rings.
            follower.call.arm()
            follower.news.arm()
            let isHurried = !progress.hasCaughtUp || follower.isWatched
            let step = read(reader, atMost: isHurried ? Self.batchCount : Self.unwatchedCount)
            switch step {
            case .records where isHurried: continue
            case .records: wait(milliseconds: Self.unwatchedPause, hearsNews: false)
            case .waiting: wait(milliseconds: 500, hearsNews: false)
            case .end:
                // Once a minute what can no longer be restored goes.
                wait(milliseconds: 60_000, hearsNews: true)
                // What is written meanwhile is read together.
                if !follower.isStopping { pause(follower.isWatched ? Self.watchedPause : Self.unwatchedPause) }
            }
        }
    }

    private func read(_ reader: ShipReader, atMost most: Int) -> ShipReader.Step {
        var found: [AuditFields] = []
        var count = 0
        let position = follower.positions.current
        var step = ShipReader.Step.end
        if let position {
            step = reader.read(upTo: position, now: AuditInbox.milliseconds()) { record, bytes in
                count += 1
                if Self.mayConcern(record, bytes), let fields = AuditFields(bytes) { found.append(fields) }
                return count < most
            }
        }
        progress.recordCount += UInt64(count)
        progress.sequence = reader.cursor.sequence
        progress.gaps = reader.gaps
        progress.bytesBehind = position.map(reader.bytesLeft) ?? 0
        if step == .end, position != nil { progress.hasCaughtUp = true }
        let reached = progress
        follower.take(found, now: Clock.wallMilliseconds()) { $0 = reached }
        return step
    }

    /// A look at the bytes that spares most records a closer one.
    private static func mayConcern(_ record: ShipRecord, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes[record.stage].elementsEqual("outcome".utf8) else { return false }
        return contains(bytes, ",\"restorableUntil\":") || contains(bytes, ":\"RestorePhoneNumber\"") || contains(bytes, "\"unknown: sent")
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        bytes.contains(text: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func wait(milliseconds: UInt64, hearsNews: Bool) {
        // A descriptor below zero is passed over.
        var descriptors = [
            pollfd(fd: follower.call.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: hearsNews ? follower.news.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds))
    }

    private func pause(_ milliseconds: UInt64) { _ = poll(nil, 0, Int32(milliseconds)) }
}

extension ShipDirectory {
    /// Where to begin so that nothing after `time` (milliseconds since 1970) is missed: before the newest file that begins earlier.
    func cursor(before time: Int64) -> ShipCursor {
        for listed in catalog().newestFirst {
            guard let first = listed.first, let opened = open(listed) else { continue }
            let begun = opened.nextLine(limit: .max) { ShipReader.time($0) } ?? nil
            guard let begun, begun <= time else { continue }
            return ShipCursor(sequence: first.sequence - 1, hash: first.previous)
        }
        return ShipCursor()
    }
}

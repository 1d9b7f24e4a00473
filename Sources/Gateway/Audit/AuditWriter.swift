import GatewayCore
import Glibc

/// The writer thread of a trail: takes what the lanes have handed over, has the journal write it as one round, and tells the lanes.
///
/// While a round is on its way to the disk the next one gathers in the inbox: that is the group commit.
final class AuditWriter {
    private var journal: AuditTrail.Journal
    private let trail: AuditTrail
    private let inbox: AuditInbox
    /// Of the trail and of its mirror.
    private let predecessors: [AuditPredecessor]
    private let sidecars: [AuditSidecar]
    private var rotation: AuditRotation?
    private let archive: AuditArchive?

    /// How long after a round the thread stays asleep to what nobody waits for, in milliseconds. At high rates this, not the number of
    /// requests, sets how often the thread runs; it is also about how much a `kill -9` takes with `interval` and `never`.
    private static let dozeMilliseconds: UInt64 = 2

    init(journal: consuming AuditTrail.Journal, trail: AuditTrail, inbox: AuditInbox, rule: AuditRule) {
        self.journal = journal
        self.trail = trail
        self.inbox = inbox
        let paths = [rule.path] + (rule.mirrorPath.map { [$0] } ?? [])
        predecessors = paths.map { AuditPredecessor(path: $0) }
        sidecars = paths.map { AuditSidecar(trail: $0) }
        rotation = rule.rotation.map { AuditRotation($0) }
        archive = rule.rotation.map { rule in
            AuditArchive(rule: rule, paths: paths) { [weak trail] path, error in trail?.publish(.archivingFailed(path, error)) }
        }
    }

    /// Starts the thread, which alone uses this object from then on.
    consuming func start() throws(AuditTrailError) -> pthread_t {
        do throws(BackgroundThread.Failure) {
            return try BackgroundThread.start { [self] in run() }
        } catch {
            throw .thread(error.words)
        }
    }

    private func run() {
        var doze: UInt64 = 0
        trail.positions.publish(journal.position)
        archive?.request()
        while true {
            var work = inbox.wait(doze: doze, deadline: deadline)
            // Before the disk, which may take its time.
            trail.publish(oldestPending: AuditBatch.earlier(journal.oldestPending, work.deliveries.first?.batch.acceptedAt))
            let now = tellTime()
            journal.noteDroppedRefusals(work.droppedRefusals)
            if work.shallReopen { reopen(now: now) }
            if !work.deliveries.isEmpty { write(&work.deliveries, now: now) }
            journal.tick(now: tellTime())
            saveCheckpoint()
            rotate(now: AuditInbox.milliseconds())
            if work.shallClose {
                var last = inbox.shut()
                if !last.isEmpty { write(&last, now: AuditInbox.milliseconds()) }
                return finish()
            }
            trail.publish(journal.status, journal.counters)
            trail.publish(oldestPending: journal.oldestPending)
            trail.positions.publish(journal.position)
            doze = AuditInbox.milliseconds() + AuditWriter.dozeMilliseconds
        }
    }

    /// The clock of deadlines; tells the journal the time of day.
    private func tellTime() -> UInt64 {
        let now = AuditInbox.milliseconds()
        journal.timeOfDayOffset = Clock.wallMilliseconds() - Int64(clamping: now)
        return now
    }

    private var deadline: UInt64? {
        let now = AuditInbox.milliseconds()
        let time = Int64(clamping: now) + journal.timeOfDayOffset
        let turning = rotation?.deadline(byteCount: journal.byteCount, begun: journal.begun, time: time, now: now)
        guard let turning else { return journal.deadline }
        return min(turning, journal.deadline ?? turning)
    }

    private func rotate(now: UInt64) {
        let time = Int64(clamping: now) + journal.timeOfDayOffset
        guard journal.status == .writable,
            rotation?.isDue(byteCount: journal.byteCount, begun: journal.begun, time: time, now: now) == true
        else { return }
        do throws(AuditFileError) {
            try journal.rotate(to: AuditRotation.suffix(time: time), now: now)
        } catch {
            rotation?.hasFailed(now: now)
            trail.publish(.rotationFailed(error))
            return
        }
        saveCheckpoint()
        trail.publish(.rotated)
        if saveState() { archive?.request() }
    }

    /// Whether the note of each file says where its chain goes on, so that rotated files are not needed for that.
    private func saveState() -> Bool {
        let chain = journal.chain
        return predecessors.map { $0.save(chain) }.allSatisfy { $0 }
    }

    private func saveCheckpoint() {
        guard let line = journal.takeCheckpoint() else { return }
        for sidecar in sidecars {
            do throws(AuditFileError) {
                try sidecar.save(line)
            } catch {
                trail.publish(.checkpointNotSaved(sidecar.path, error))
            }
        }
    }

    private func write(_ deliveries: inout [AuditInbox.Delivery], now: UInt64) {
        let verdict = journal.commit(deliveries.map(\.batch), now: now)
        // The gate goes first, so that who is told of a failure finds it closed already.
        trail.publish(journal.status, journal.counters)
        var awaited: [Int: Int] = [:]
        for delivery in deliveries where delivery.batch.awaitedCount > 0 {
            awaited[delivery.lane, default: 0] += delivery.batch.awaitedCount
        }
        for (lane, count) in awaited { trail.settle(link: lane, count, verdict) }
        inbox.recycle(deliveries)
        deliveries = []
    }

    private func reopen(now: UInt64) {
        do {
            try journal.reopen(now: now)
            _ = saveState()
            trail.publish(.reopened)
        } catch {
            trail.publish(.reopeningFailed(error))
        }
    }

    private func finish() {
        let isWhole = journal.finish(now: tellTime())
        saveCheckpoint()
        _ = saveState()
        archive?.stop()
        trail.positions.publish(journal.position)
        journal.release()
        trail.publish(finishedWhole: isWhole)
        trail.publish(oldestPending: journal.oldestPending)
        trail.publish(journal.status, journal.counters)
    }
}

import GatewayCore
import Glibc

/// The writer thread of a trail: takes what the lanes have handed over, has the journal write it as one round, and tells the lanes.
///
/// While a round is on its way to the disk the next one gathers in the inbox: that is the group commit.
final class AuditWriter {
    private var journal: AuditJournal<AuditLogFile>
    private let trail: AuditTrail
    private let inbox: AuditInbox
    private let predecessor: AuditPredecessor

    /// How long after a round the thread stays asleep to what nobody waits for, in milliseconds. At high rates this, not the number of
    /// requests, sets how often the thread runs; it is also about how much a `kill -9` takes with `interval` and `never`.
    private static let dozeMilliseconds: UInt64 = 2

    init(journal: consuming AuditJournal<AuditLogFile>, trail: AuditTrail, inbox: AuditInbox, path: String) {
        self.journal = journal
        self.trail = trail
        self.inbox = inbox
        predecessor = AuditPredecessor(path: path)
    }

    /// Starts the thread, which alone uses this object from then on.
    consuming func start() throws(AuditTrailError) -> pthread_t {
        let unmanaged = Unmanaged.passRetained(self)
        var everything = sigset_t()
        var before = sigset_t()
        sigfillset(&everything)
        // Signals are the main thread's; a new thread inherits the mask.
        pthread_sigmask(SIG_BLOCK, &everything, &before)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<AuditWriter>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, unmanaged.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        if code != 0 {
            unmanaged.release()
            throw .thread(String(cString: strerror(code)))
        }
        return thread
    }

    private func run() {
        var doze: UInt64 = 0
        while true {
            var work = inbox.wait(doze: doze, deadline: journal.deadline)
            trail.backlogIsTaken()
            let now = AuditInbox.milliseconds()
            journal.noteDroppedRefusals(work.droppedRefusals)
            if work.shallReopen { reopen(now: now) }
            if !work.deliveries.isEmpty { write(&work.deliveries, now: now) }
            journal.tick(now: AuditInbox.milliseconds())
            if work.shallClose {
                var last = inbox.shut()
                if !last.isEmpty { write(&last, now: AuditInbox.milliseconds()) }
                return finish()
            }
            trail.publish(journal.status, journal.counters)
            doze = AuditInbox.milliseconds() + AuditWriter.dozeMilliseconds
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
            predecessor.save(journal.chain)
            trail.publish(.reopened)
        } catch {
            trail.publish(.reopeningFailed(error))
        }
    }

    private func finish() {
        let isWhole = journal.finish(now: AuditInbox.milliseconds())
        predecessor.save(journal.chain)
        journal.release()
        trail.publish(finishedWhole: isWhole)
        trail.publish(journal.status, journal.counters)
    }
}

import Digests
import GatewayCore
import Glibc
import NIOCore
import Synchronization

/// Why the trail cannot be opened; a `serve` without its trail does not start.
enum AuditTrailError: Error, CustomStringConvertible {
    case file(path: String, AuditFileError)
    case digest(DigestError)
    case checkpointKey(AuditSigner.BadKey)
    case thread(String)

    /// One file has one writer. It is no mistake of the configuration, and it passes when the other process ends.
    static let anotherWriter = AuditFileError(call: "flock", reason: "another process writes this file")

    /// As sysexits(3) and the service manager take it: 69 may be better at the next try, 78 needs somebody.
    var exitCode: Int32 {
        if case .file(_, Self.anotherWriter) = self { 69 } else { 78 }
    }

    var description: String {
        switch self {
        case .file(let path, let error): "cannot open the audit trail \(path): \(error)"
        case .digest(let error): "cannot open the audit trail: \(error)"
        case .checkpointKey(let problem): "cannot open the audit trail: the key of its checkpoints \(problem)"
        case .thread(let reason): "cannot start the audit writer: \(reason)"
        }
    }
}

/// What operators want to read in the log.
enum AuditTrailEvent: Sendable, Equatable {
    case statusChanged(AuditStatus)
    /// The same words as in the member `note` of the next record.
    case noted(String)
    case reopened
    /// The old file stays in use.
    case reopeningFailed(AuditFileError)
    case rotated
    /// The file stays in use, and it is tried again.
    case rotationFailed(AuditFileError)
    /// A rotated file that stays as it is.
    case archivingFailed(String, AuditFileError)
    /// The checkpoint stands in the trail, but not in this file beside it.
    case checkpointNotSaved(String, AuditFileError)
}

/// The audit trail: one writer thread with the one file (and its mirror), and lanes that lead to it from the event loops.
///
/// A record goes entry -> lane (encoded there) -> inbox -> journal (chained, written, synced) -> waiter, back on its loop.
final class AuditTrail: Sendable {
    typealias Journal = AuditJournal<AuditMirroredFile<AuditLogFile>>

    let sync: AuditSync
    /// How far it is on disk.
    let positions = AuditPositions()
    private let rule: AuditRule
    private let instance: String
    private let observer: @Sendable (AuditTrailEvent) -> Void
    private let inbox = AuditInbox()
    private let links = Mutex<[Registration]>([])
    private let published = Mutex(Published())
    /// Whether every intent is to be refused at once.
    private let isGateShut = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let writer = Mutex<pthread_t?>(nil)

    private struct Registration: Sendable {
        var loop: any EventLoop
        var link: NIOLoopBound<AuditLink>
    }

    private struct Published {
        var status = AuditStatus.writable
        var counters = AuditCounters()
        var isFinishedWhole = true
        /// Of the records that the writer has taken.
        var oldestPending: UInt64?
    }

    /// Beyond this much waiting for the writer, intents are refused; refusals beyond half of it are dropped.
    static let backlogByteLimit = 8 << 20

    /// Opens the file (making it, mode 0600, where it is missing), mends its end, finds the place in the chain and starts the writer.
    ///
    /// - Parameters:
    ///   - instance: the name of this process in records.
    ///   - observer: told what operators want to read in the log; on the writer's thread.
    init(
        rule: AuditRule, instance: String, observer: @escaping @Sendable (AuditTrailEvent) -> Void = { _ in }
    ) throws(AuditTrailError) {
        self.rule = rule
        self.instance = instance
        self.observer = observer
        sync = rule.sync
        let (journal, notes) = try AuditTrail.open(rule, instance: instance)
        for note in notes { observer(.noted(note)) }
        let worker = AuditWriter(journal: journal, trail: self, inbox: inbox, rule: rule)
        let thread = try worker.start()
        writer.withLock { $0 = thread }
    }

    private static func open(_ rule: AuditRule, instance: String) throws(AuditTrailError) -> (Journal, [String]) {
        var file: AuditMirroredFile<AuditLogFile>
        do throws(DigestError) {
            // A key or an algorithm that does not work is told now, not at the first request.
            _ = try AuditEncoder(instance: instance, style: rule.subject)
            let mirror: AuditLogFile? = if let path = rule.mirrorPath { try AuditLogFile(path: path) } else { nil }
            file = AuditMirroredFile(try AuditLogFile(path: rule.path), mirror: mirror)
        } catch {
            throw .digest(error)
        }
        var opening: AuditOpening
        do throws(AuditFileError) {
            opening = try file.reopen()
        } catch {
            throw .file(path: rule.path, error)
        }
        if let error = file.mirrorDoubt {
            file.release()
            throw .file(path: rule.mirrorPath ?? "", error)
        }
        let chain = opening.chain ?? AuditChain()
        let sidecar = AuditSidecar(trail: rule.path)
        var lastCheckpoint: UInt64 = 0
        if rule.checkpoint != nil {
            if let note = sidecar.contradiction(with: chain) { opening.notes.append(note) }
            if let last = sidecar.load(), last.sequence + 1 == chain.nextSequence, last.hash == chain.previous {
                lastCheckpoint = last.sequence
            }
        }
        do throws(AuditJournalError) {
            let journal = try Journal(
                file: file, opening: opening, sync: rule.sync, checkpoint: rule.checkpoint.map { ($0, instance) },
                lastCheckpoint: lastCheckpoint)
            return (journal, opening.notes)
        } catch {
            switch error {
            case .digest(let error): throw .digest(error)
            case .key(let problem): throw .checkpointKey(problem)
            }
        }
    }

    /// For `/ready` and `/status`.
    var status: AuditStatus { published.withLock { $0.status } }

    /// For metrics.
    var counters: AuditCounters { published.withLock { $0.counters } }

    /// The age of the oldest record that was taken and is not on disk (with `sync: never`: not written), in milliseconds; 0 where all are.
    func lagMilliseconds(now: UInt64) -> UInt64 {
        let taken = published.withLock { $0.oldestPending }
        guard let oldest = AuditBatch.earlier(taken, inbox.oldestDelivery) else { return 0 }
        return now - min(now, oldest)
    }

    /// Bytes that wait for the writer.
    var backlog: Int { inbox.pendingByteCount }

    /// Goes on in the file that the path names now, soon. From any thread; on SIGHUP.
    func reopen() { inbox.requestReopening() }

    /// Writes what is left and syncs, and ends the writer. Blocks; not on an event loop. Lanes must have been flushed.
    /// False where records of requests already sent could not be written.
    func close() -> Bool {
        isClosed.store(true, ordering: .relaxed)
        inbox.requestClosing()
        let thread = writer.withLock { slot in
            defer { slot = nil }
            return slot
        }
        if let thread { pthread_join(thread, nil) }
        // Links hold the trail, and it holds them, until here.
        links.withLock { $0.removeAll() }
        return published.withLock { $0.isFinishedWhole }
    }

    // MARK: - For lanes

    func makeEncoder() throws(DigestError) -> AuditEncoder { try AuditEncoder(instance: instance, style: rule.subject) }

    func register(_ link: AuditLink, on loop: any EventLoop) -> Int {
        let registration = Registration(loop: loop, link: NIOLoopBound(link, eventLoop: loop))
        return links.withLock { links in
            // A closed trail takes nothing more from anybody, and would be kept by the link that it keeps.
            guard !isClosed.load(ordering: .relaxed) else { return -1 }
            links.append(registration)
            return links.count - 1
        }
    }

    func reasonToRefuse(adding byteCount: Int) -> String? {
        if isClosed.load(ordering: .relaxed) { return AuditTrail.closedReason }
        if isGateShut.load(ordering: .relaxed), case .unwritable(let reason) = status { return reason }
        if backlog + byteCount > AuditTrail.backlogByteLimit { return "the writer cannot keep up" }
        return nil
    }

    func hasRoomForRefusals(adding byteCount: Int) -> Bool {
        !isGateShut.load(ordering: .relaxed) && backlog + byteCount <= AuditTrail.backlogByteLimit / 2
    }

    func dropRefusal() { inbox.addDroppedRefusal() }

    /// Nil once the trail is closed.
    func deliver(_ batch: consuming AuditBatch, link: Int) -> AuditBatch? {
        switch inbox.deliver(batch, lane: link) {
        case .taken(let spare): return spare
        case .closed: return nil
        }
    }

    static let closedReason = "the trail is closed"

    // MARK: - For the writer

    func publish(_ status: AuditStatus, _ counters: AuditCounters) {
        isGateShut.store(status != .writable, ordering: .relaxed)
        let isNew = published.withLock { published in
            defer {
                published.status = status
                published.counters = counters
            }
            return published.status != status
        }
        if isNew { observer(.statusChanged(status)) }
    }

    /// The oldest record in the writer's hands, as `AuditBatch.acceptedAt`.
    func publish(oldestPending: UInt64?) { published.withLock { $0.oldestPending = oldestPending } }

    func publish(finishedWhole isWhole: Bool) { published.withLock { $0.isFinishedWhole = isWhole } }

    func publish(_ event: AuditTrailEvent) { observer(event) }

    /// Tells one lane about its oldest `count` awaited records, in one task of its loop.
    func settle(link: Int, _ count: Int, _ verdict: AuditVerdict) {
        let registration = links.withLock { $0[link] }
        registration.loop.execute { registration.link.value.settle(count, verdict) }
    }
}

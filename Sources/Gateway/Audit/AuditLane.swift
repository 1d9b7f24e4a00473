import Digests
import GatewayCore
import NIOCore

/// Who waits for an intent to be durable. Called on the lane's event loop, once.
protocol AuditWaiter: AnyObject {
    func auditWritten()
    /// The record is not in the trail and will not be: the request must be refused.
    func auditFailed(_ reason: String)
}

/// What the trail says to a record at once.
enum AuditAcceptance: Sendable, Equatable {
    /// Taken; nobody has to wait.
    case accepted
    /// Taken; the waiter is told when it is on disk.
    case pending
    /// Not taken. For an intent: the request must be refused. In words.
    case refused(String)
}

/// Why a request may be forwarded as far as the trail is concerned.
enum IntentReceipt: Sendable {
    /// There is no `audit` in the configuration.
    case notConfigured
    /// `sync` is `interval` or `never`: the writer has it.
    case accepted
    /// `sync: always`: on disk.
    case durable
}

/// One event loop's end of the trail. Gathers the records that the loop makes in one turn and hands them over together.
///
/// Not `Sendable`: make it, use it and drop it on its loop.
final class AuditLane {
    private let loop: any EventLoop
    private var link: AuditLink?

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// Records an entry. `waiter` is for intents; it is held until it has been told, and is told only after `.pending`.
    func append(_ entry: borrowing AuditEntry, to trail: AuditTrail, waiter: (any AuditWaiter)?) -> AuditAcceptance {
        let current: AuditLink
        if let link, link.trail === trail {
            current = link
        } else {
            // A reload has put another trail in place; what the old one still has to tell, it tells through its own link.
            link?.flush()
            do {
                current = try AuditLink(trail: trail, loop: loop)
            } catch {
                return .refused(error.description)
            }
            link = current
        }
        return current.append(entry, waiter: waiter)
    }

    /// Hands over what has been gathered, without waiting for the end of the turn.
    func flush() { link?.flush() }
}

/// A lane's tie to one trail.
final class AuditLink {
    let trail: AuditTrail
    private let loop: any EventLoop
    private let encoder: AuditEncoder
    private var number = -1
    private var batch = AuditBatch()
    private var isFlushScheduled = false
    /// In the order in which their intents were handed over, which is the order in which they are settled.
    private var waiters = CircularBuffer<any AuditWaiter>()

    init(trail: AuditTrail, loop: any EventLoop) throws(DigestError) {
        self.trail = trail
        self.loop = loop
        encoder = try trail.makeEncoder()
        number = trail.register(self, on: loop)
    }

    func append(_ entry: borrowing AuditEntry, waiter: (any AuditWaiter)?) -> AuditAcceptance {
        switch entry.stage {
        case .intent, .admin:
            if let reason = trail.reasonToRefuse(adding: batch.byteCount) { return .refused(reason) }
            let isAwaited = trail.sync == .always && waiter != nil
            add(entry, duty: isAwaited ? .awaited : .owed)
            guard isAwaited, let waiter else { return .accepted }
            waiters.append(waiter)
            return .pending
        case .outcome:
            add(entry, duty: .owed)
        case .refusal:
            // A flood of refusals must not take the room of intents.
            guard trail.hasRoomForRefusals(adding: batch.byteCount) else {
                trail.dropRefusal()
                return .refused("the trail cannot take more refusals at the moment")
            }
            add(entry, duty: .optional)
        }
        return .accepted
    }

    func flush() {
        guard !batch.isEmpty else { return }
        let awaitedCount = batch.awaitedCount
        let full = batch
        batch = AuditBatch()
        if let spare = trail.deliver(full, link: number) {
            batch = spare
        } else {
            // The newest ones: older ones were taken, and will hear of it.
            for waiter in waiters.suffix(awaitedCount) { waiter.auditFailed(AuditTrail.closedReason) }
            waiters.removeLast(awaitedCount)
        }
    }

    /// The oldest `count` awaited records have met their fate.
    func settle(_ count: Int, _ verdict: AuditVerdict) {
        for _ in 0..<count {
            guard let waiter = waiters.popFirst() else { return }
            switch verdict {
            case .written: waiter.auditWritten()
            case .failed(let reason): waiter.auditFailed(reason)
            }
        }
    }

    private func add(_ entry: borrowing AuditEntry, duty: AuditDuty) {
        batch.append(entry, duty: duty, encoder: encoder)
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        // Tasks run after the events of this turn, so that one hand-over carries all of it.
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute {
            bound.value.isFlushScheduled = false
            bound.value.flush()
        }
    }
}

import GatewayCore
import Glibc
import Synchronization

/// Batches on their way from the event loops to the writer thread, and the thread's place to sleep.
///
/// `@unchecked Sendable` is sound: every stored property is constant or touched between `lock` and `unlock` of `mutex` only, and the POSIX
/// mutex and condition stay at one address from `init` to `deinit`.
final class AuditInbox: @unchecked Sendable {
    struct Delivery {
        var lane: Int
        var batch: AuditBatch
    }

    /// What the thread finds when it wakes up.
    struct Work {
        var deliveries: [Delivery] = []
        var shallReopen = false
        var shallClose = false
        var droppedRefusals: UInt64 = 0
    }

    private enum Sleep {
        case awake
        /// Only something that somebody waits for wakes the thread.
        case dozing
        case idle
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var work = Work()
    private var spares: [AuditBatch] = []
    private var isUrgent = false
    private var isClosed = false
    /// Written under `mutex` alone, so that what it says last is what is so.
    private let pendingBytes = Atomic<Int>(0)
    private var sleep = Sleep.awake

    /// What waits is written without delay from this size on, in bytes.
    private static let hurryByteCount = 1 << 20
    private static let spareLimit = 64

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Deadlines must not jump when somebody sets the clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// What became of a batch that was to be handed over.
    enum Acceptance {
        /// An empty batch to go on with.
        case taken(spare: AuditBatch)
        case closed
    }

    /// Bytes that wait for the thread; from any thread, without the lock.
    var pendingByteCount: Int { pendingBytes.load(ordering: .relaxed) }

    /// Hands a batch over. It must not be empty.
    func deliver(_ batch: consuming AuditBatch, lane: Int) -> Acceptance {
        let isAwaited = batch.awaitedCount > 0
        batch.acceptedAt = AuditInbox.milliseconds()
        pthread_mutex_lock(mutex)
        guard !isClosed else {
            pthread_mutex_unlock(mutex)
            return .closed
        }
        let pending = pendingBytes.wrappingAdd(batch.byteCount, ordering: .relaxed).newValue
        if isAwaited || pending > AuditInbox.hurryByteCount { isUrgent = true }
        work.deliveries.append(Delivery(lane: lane, batch: batch))
        let spare = spares.popLast()
        let shallSignal = sleep == .idle || (sleep == .dozing && isUrgent)
        pthread_mutex_unlock(mutex)
        if shallSignal { pthread_cond_signal(condition) }
        return .taken(spare: spare ?? AuditBatch())
    }

    /// Takes the last deliveries; from here on every other one is turned away.
    func shut() -> [Delivery] {
        pthread_mutex_lock(mutex)
        isClosed = true
        let last = work.deliveries
        work.deliveries = []
        pendingBytes.store(0, ordering: .relaxed)
        pthread_mutex_unlock(mutex)
        return last
    }

    /// When the oldest batch came that the thread has not taken; nil where there is none.
    var oldestDelivery: UInt64? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return work.deliveries.first?.batch.acceptedAt
    }

    func requestReopening() { change { $0.shallReopen = true } }

    func requestClosing() { change { $0.shallClose = true } }

    func addDroppedRefusal() {
        pthread_mutex_lock(mutex)
        work.droppedRefusals += 1
        pthread_mutex_unlock(mutex)
    }

    /// Sleeps until there is something to do: until `doze` only for what is urgent, then for anything, and not longer than `deadline`
    /// (both in milliseconds of `AuditInbox.milliseconds()`; nil `deadline`: for ever). Empty work means that the deadline has come.
    func wait(doze: UInt64, deadline: UInt64?) -> Work {
        pthread_mutex_lock(mutex)
        sleep = .dozing
        while !isUrgent, !work.shallReopen, !work.shallClose, AuditInbox.milliseconds() < doze { sleepOnce(until: doze) }
        sleep = .idle
        while work.deliveries.isEmpty, !work.shallReopen, !work.shallClose {
            if let deadline, AuditInbox.milliseconds() >= deadline { break }
            sleepOnce(until: deadline)
        }
        sleep = .awake
        let found = work
        work = Work()
        work.deliveries.reserveCapacity(found.deliveries.count)
        isUrgent = false
        pendingBytes.store(0, ordering: .relaxed)
        pthread_mutex_unlock(mutex)
        return found
    }

    /// Gives written batches back for use. Only as much room is kept as usual loads need.
    func recycle(_ deliveries: consuming [Delivery]) {
        pthread_mutex_lock(mutex)
        while var last = deliveries.popLast(), spares.count < AuditInbox.spareLimit {
            guard last.batch.byteCount < 256 << 10 else { continue }
            last.batch.removeAll()
            spares.append(last.batch)
        }
        pthread_mutex_unlock(mutex)
    }

    /// The clock of deadlines: milliseconds that never go back.
    static func milliseconds() -> UInt64 { Clock.monotonicNanoseconds() / 1_000_000 }

    private func change(_ body: (inout Work) -> Void) {
        pthread_mutex_lock(mutex)
        body(&work)
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }

    private func sleepOnce(until deadline: UInt64?) {
        guard let deadline else {
            pthread_cond_wait(condition, mutex)
            return
        }
        var time = timespec(tv_sec: Int(deadline / 1000), tv_nsec: Int(deadline % 1000) * 1_000_000)
        pthread_cond_timedwait(condition, mutex, &time)
    }
}

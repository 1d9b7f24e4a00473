import GatewayCore
import Glibc
import Synchronization

/// Keeps the Deletion queue of the admin page: reads the trail, rotated files of the last seven days first, on a thread of its own with low
/// priority, and then follows it on disk. Requests and their event loops have nothing to do with it.
///
/// While somebody looks, and at the start, it reads as fast as it can. Otherwise it takes a bounded number of records a second, so that a
/// gateway under full load does not spend its time on a page that nobody sees; it says how far behind it is.
final class TrailFollower: Sendable {
    /// Whose records they are; a reload to another trail takes another follower.
    let positions: AuditPositions
    /// Rung by the writer.
    let news: Doorbell
    /// Rung by whoever looks, and at the end.
    let call: Doorbell
    private let shared = Mutex(Shared())
    private let lastLook = Atomic<UInt64>(0)
    private let stopping = Atomic<Bool>(false)

    private struct Shared {
        var queue = DeletionQueue()
        var progress = Progress()
    }

    /// How far it has read.
    struct Progress: Sendable, Equatable {
        /// Records read since the start.
        var recordCount: UInt64 = 0
        /// `seq` of the last of them.
        var sequence: UInt64 = 0
        /// Whether the end of the trail was reached once: before, the queue is not whole.
        var hasCaughtUp = false
        var bytesBehind = 0
        /// Places where files of the trail were gone before they were read.
        var gaps: UInt64 = 0
    }

    /// How long after a look it counts as watched, in milliseconds.
    private static let watchMilliseconds: UInt64 = 30_000

    /// Starts the thread. Nil where the system has no thread or descriptor left.
    init?(path: String, positions: AuditPositions) {
        guard let news = Doorbell(), let call = Doorbell() else { return nil }
        self.positions = positions
        self.news = news
        self.call = call
        news.arm()
        call.arm()
        positions.add(news)
        guard TrailReading(follower: self, path: path).start() else {
            positions.remove(news)
            return nil
        }
    }

    /// Ends the thread soon; it is not waited for, because it holds nothing that others need.
    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        positions.remove(news)
        call.ring()
    }

    /// What is known now. Has the thread catch up.
    ///
    /// - Parameter now: milliseconds since 1970.
    func look(_ body: (DeletionQueue) -> DeletionQueue.Selection) -> (DeletionQueue.Selection, Progress) {
        lastLook.store(AuditInbox.milliseconds(), ordering: .relaxed)
        call.ring()
        return shared.withLock { (body($0.queue), $0.progress) }
    }

    // MARK: - For the thread

    var isStopping: Bool { stopping.load(ordering: .sequentiallyConsistent) }

    var isWatched: Bool {
        let look = lastLook.load(ordering: .relaxed)
        return look > 0 && AuditInbox.milliseconds() < look + Self.watchMilliseconds
    }

    func take(_ found: [AuditFields], now: Int64, _ change: (inout Progress) -> Void) {
        shared.withLock { shared in
            for fields in found { shared.queue.take(fields, now: now) }
            shared.queue.expire(now: now)
            change(&shared.progress)
        }
    }
}

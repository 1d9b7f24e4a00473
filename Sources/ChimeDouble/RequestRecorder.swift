import Synchronization

/// The last requests of a double, from all of its event loops.
final class RequestRecorder: Sendable {
    private let capacity: Int
    private let records = Mutex<[RecordedRequest]>([])

    init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    func append(_ record: RecordedRequest) {
        records.withLock { records in
            records.append(record)
            // Dropped in bulk, so that a full recorder does not move its contents for every request.
            if records.count > 2 * capacity { records.removeFirst(records.count - capacity) }
        }
    }

    /// Oldest first.
    var all: [RecordedRequest] {
        records.withLock { Array($0.suffix(capacity)) }
    }

    func clear() {
        records.withLock { $0.removeAll() }
    }
}

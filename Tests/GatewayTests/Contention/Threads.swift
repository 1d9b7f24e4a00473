import Glibc
import Synchronization

@testable import Gateway

/// Runs `body` on `count` threads of its own, let go together, and gives what each of them gave, by its number, when all have ended.
///
/// Tasks would take turns on as many threads as there are cores, and bodies that block would keep other tests from theirs.
func together<Value: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Value) async throws -> [Value] {
    let race = Race<Value>(count)
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        do {
            for number in 0..<count {
                let thread = try BackgroundThread.start {
                    race.begin()
                    let result = Result { try body(number) }
                    if race.end(number, result) { done.resume() }
                }
                pthread_detach(thread)
            }
        } catch { done.resume(throwing: error) }
    }
    return try race.results
}

/// Where the threads line up, and what they brought. `@unchecked Sendable` is sound: the barrier, made for many threads, stays at one address
/// from `init` to `deinit`, and the rest is under a lock.
private final class Race<Value: Sendable>: @unchecked Sendable {
    private let count: Int
    private let barrier: UnsafeMutablePointer<pthread_barrier_t>
    private let ended = Mutex<[Int: Result<Value, any Error>]>([:])

    init(_ count: Int) {
        self.count = count
        barrier = .allocate(capacity: 1)
        pthread_barrier_init(barrier, nil, UInt32(count))
    }

    deinit {
        pthread_barrier_destroy(barrier)
        barrier.deallocate()
    }

    func begin() { pthread_barrier_wait(barrier) }

    /// Whether this was the last one.
    func end(_ number: Int, _ result: Result<Value, any Error>) -> Bool {
        ended.withLock { ended in
            ended[number] = result
            return ended.count == count
        }
    }

    var results: [Value] {
        get throws { try ended.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() } }
    }
}

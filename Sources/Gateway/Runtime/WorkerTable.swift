import NIOConcurrencyHelpers
import NIOCore

/// Finds the worker of an event loop. The workers stay on their loops; only this table goes between threads.
final class WorkerTable: Sendable {
    private let bound: [NIOLoopBound<Worker>]
    let loops: [any EventLoop]
    private let isClosed = NIOLockedValueBox(false)
    /// What the workers have counted in the minutes before this one.
    let history: TrafficShare

    init(_ workers: [NIOLoopBound<Worker>], loops: [any EventLoop], history: TrafficShare = TrafficShare()) {
        bound = workers
        self.loops = loops
        self.history = history
    }

    /// The caller is on `loop`, which is one of the group's.
    func worker(on loop: any EventLoop) -> Worker {
        let index = loops.firstIndex { $0 === loop } ?? 0
        return bound[index].value
    }

    /// Runs `body` on the first loop, soon.
    func withFirst(_ body: @escaping @Sendable (Worker) -> Void) {
        guard let loop = loops.first, let worker = bound.first else { return }
        loop.execute { body(worker.value) }
    }

    /// Runs `body` on every loop, and gives what it gave.
    func onEach<R: Sendable>(_ body: @escaping @Sendable (Worker) throws -> R) async throws -> [R] {
        var results: [R] = []
        for (loop, worker) in zip(loops, bound) {
            guard let result = ifOpen({ loop.submit { try body(worker.value) } }) else { throw ChannelError.eof }
            results.append(try await result.get())
        }
        return results
    }

    /// Returns once every loop has done something; false where they have ended.
    func takeTurns() async -> Bool {
        for loop in loops {
            guard let turn = ifOpen({ loop.submit {} }), (try? await turn.get()) != nil else { return false }
        }
        return true
    }

    /// Runs `body`, which gives a loop something to do, unless the loops have ended or are about to; nil then. Whoever comes late (a page that
    /// was asked for, a trail that waited for its last record) has nobody left to tell.
    @discardableResult
    func ifOpen<R>(_ body: () -> R) -> R? {
        isClosed.withLockedValue { $0 ? nil : body() }
    }

    /// Before the loops end.
    func close() { isClosed.withLockedValue { $0 = true } }
}

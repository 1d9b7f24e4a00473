@preconcurrency import Dispatch

/// The signals that a running gateway answers, as a stream; from then on they no longer end the process by themselves.
enum Signals {
    /// Returns once every signal is watched. Another thread registers the sources and puts a handler of its own in place; a signal that was
    /// ignored until then would be lost, so it ends the process, which has not begun its work.
    static func stream(_ numbers: [Int32]) async -> AsyncStream<Int32> {
        let queue = DispatchQueue(label: "signals")
        let registered = AsyncStream<Void>.makeStream()
        let stream = AsyncStream<Int32> { continuation in
            let sources = numbers.map { number in
                let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
                source.setRegistrationHandler { registered.continuation.yield() }
                source.setEventHandler { continuation.yield(number) }
                source.resume()
                return source
            }
            continuation.onTermination = { _ in
                for source in sources { source.cancel() }
            }
        }
        var left = numbers.count
        for await _ in registered.stream {
            left -= 1
            if left == 0 { break }
        }
        return stream
    }
}

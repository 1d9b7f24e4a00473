import GatewayCore
import Glibc
import Synchronization

/// How far the trail is on disk, told by its writer to whoever follows the file.
final class AuditPositions: Sendable {
    private struct State {
        var position: AuditPosition?
        var doorbells: [Doorbell] = []
    }

    private let state = Mutex(State())

    /// Nil before the writer has begun.
    var current: AuditPosition? { state.withLock { $0.position } }

    func publish(_ position: AuditPosition) {
        state.withLock { state in
            guard state.position != position else { return }
            state.position = position
            for doorbell in state.doorbells { doorbell.ring() }
        }
    }

    func add(_ doorbell: Doorbell) { state.withLock { $0.doorbells.append(doorbell) } }

    func remove(_ doorbell: Doorbell) { state.withLock { state in state.doorbells.removeAll { $0 === doorbell } } }
}

/// Wakes one thread that waits in `poll`. Ringing costs a system call only when the thread has asked for it.
final class Doorbell: Sendable {
    /// Readable once it has rung.
    let descriptor: Int32
    private let button: Int32
    private let isArmed = Atomic<Bool>(false)

    /// Nil when the process has no descriptor left.
    init?() {
        var ends: (Int32, Int32) = (-1, -1)
        let isMade = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.withMemoryRebound(to: Int32.self) { pipe($0.baseAddress) == 0 }
        }
        guard isMade else { return nil }
        (descriptor, button) = ends
        for end in [descriptor, button] {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(descriptor)
        close(button)
    }

    /// From any thread.
    func ring() {
        guard isArmed.exchange(false, ordering: .sequentiallyConsistent) else { return }
        var byte: UInt8 = 1
        _ = write(button, &byte, 1)
    }

    /// From the waiting thread: what happens from here on rings. What happened before must be looked for after this call.
    func arm() {
        // Unheard rings are cleared away, so that they cannot pile up; before the flag is set, for a ring that comes after it must be heard.
        silence()
        isArmed.store(true, ordering: .sequentiallyConsistent)
    }

    /// From the waiting thread, once `descriptor` was readable: it is not any more, until the next ring. A ring may write a moment after its
    /// look at the flag, when the bell is armed again already; so who was woken empties the pipe, whatever the flag says.
    func silence() {
        var bytes: UInt64 = 0
        _ = read(descriptor, &bytes, 8)
    }
}

import GatewayCore
import Glibc
import Synchronization

/// What operators want to read in the log about a destination.
enum ShipEvent: Sendable, Equatable {
    /// Records behind `after` are sent from here on.
    case connected(ShipDestination, after: UInt64)
    case failed(ShipDestination, String)
    /// No file of the trail continues the last record sent; the next one is `before` or earlier.
    case gap(ShipDestination, before: UInt64)
    case cursorNotSaved(ShipDestination, String)
}

/// One destination that a trail is copied to, as seen from other threads.
final class Shipper: Sendable {
    let destination: ShipDestination
    let positions: AuditPositions
    let observer: @Sendable (ShipEvent) -> Void
    /// Rung once, by `stop`.
    let stopBell: Doorbell
    private let doorbell: Doorbell
    private let state: Mutex<State>
    private let stopDeadline = Atomic<UInt64>(.max)
    private let hasFinished = Atomic<Bool>(false)

    private struct State {
        var status: ShipStatus
        /// Of the oldest record that is not acknowledged, milliseconds since 1970.
        var oldest: Int64?
    }

    /// Starts the thread. Nil where the system has no thread or descriptor left.
    init?(
        _ destination: ShipDestination, trail path: String, positions: AuditPositions, observer: @escaping @Sendable (ShipEvent) -> Void
    ) {
        guard let doorbell = Doorbell(), let stopBell = Doorbell() else { return nil }
        self.destination = destination
        self.positions = positions
        self.observer = observer
        self.doorbell = doorbell
        self.stopBell = stopBell
        state = Mutex(State(status: ShipStatus(destination: destination.description)))
        stopBell.arm()
        positions.add(doorbell)
        guard ShipWorker(shipper: self, trail: path, doorbell: doorbell).start() else {
            positions.remove(doorbell)
            return nil
        }
    }

    /// Asks the thread to send what is left and to end, at `deadline` at the latest (milliseconds of `AuditInbox.milliseconds()`).
    func stop(deadline: UInt64) {
        stopDeadline.store(deadline, ordering: .sequentiallyConsistent)
        stopBell.ring()
        doorbell.ring()
    }

    var isFinished: Bool { hasFinished.load(ordering: .acquiring) }

    func status(nowMilliseconds: Int64) -> ShipStatus {
        var (status, oldest) = state.withLock { ($0.status, $0.oldest) }
        let position = positions.current
        let last = position?.sequence ?? 0
        status.recordsBehind = last > status.acknowledgedSequence ? last - status.acknowledgedSequence : 0
        if status.recordsBehind == 0 { oldest = nil }
        status.secondsBehind = oldest.map { Double(max(0, nowMilliseconds - $0)) / 1000 } ?? 0
        return status
    }

    // MARK: - For the thread

    var isStopping: Bool { deadline != .max }
    var deadline: UInt64 { stopDeadline.load(ordering: .sequentiallyConsistent) }

    func publish(_ status: ShipStatus, oldest: Int64?, bytesBehind: UInt64) {
        state.withLock { state in
            state.status = status
            state.status.bytesBehind = bytesBehind
            state.oldest = oldest
        }
    }

    func finish() {
        positions.remove(doorbell)
        hasFinished.store(true, ordering: .releasing)
    }
}

import GatewayCore
import NIOCore

/// What the limiter answers at once.
enum Admission {
    case admitted(LimitReading)
    case refused(LimitRefusal)
    /// The decision comes later, to the waiter.
    case waiting(WaitTicket)
}

/// What the limiter answers a request that had to wait.
enum AdmissionDecision: Sendable, Equatable {
    case admitted(LimitReading)
    case refused(LimitRefusal)

    init(_ verdict: WaitingRoom.Decision.Verdict) {
        switch verdict {
        case .admitted(let reading): self = .admitted(reading)
        case .refused(let refusal): self = .refused(refusal)
        }
    }
}

/// Who waits for a turn. Lives on one event loop and is called on it, once.
protocol AdmissionWaiter: AnyObject {
    func admissionDecided(_ decision: AdmissionDecision)
}

/// A place in the queue. Holds the waiter until it is told or cancels.
final class WaitTicket: Sendable {
    let id: UInt64
    let request: AdmissionRequest
    let loop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private struct State {
        var waiter: (any AdmissionWaiter)?
        var delay: Scheduled<Void>?
        var holdsTurn = false
        var isQueued = true
    }

    /// On `loop`.
    init(id: UInt64, request: AdmissionRequest, loop: any EventLoop, waiter: any AdmissionWaiter) {
        self.id = id
        self.request = request
        self.loop = loop
        state = NIOLoopBoundBox(State(waiter: waiter), eventLoop: loop)
    }

    // All on `loop`.

    var isWanted: Bool { state.value.waiter != nil }

    /// Whether the request waits for a turn; false while it only waits for the word of the shared store.
    var isQueued: Bool {
        get { state.value.isQueued }
        set { state.value.isQueued = newValue }
    }

    /// Whether it has taken its share already and only waits for the moment that it was taken for.
    var holdsTurn: Bool { state.value.holdsTurn }

    func holdTurn(until timer: Scheduled<Void>) {
        state.value.holdsTurn = true
        state.value.delay = timer
    }

    func delay(_ timer: Scheduled<Void>) { state.value.delay = timer }

    func tell(_ decision: AdmissionDecision) {
        let waiter = state.value.waiter
        state.value = State()
        waiter?.admissionDecided(decision)
    }

    func forget() {
        state.value.delay?.cancel()
        state.value = State()
    }
}

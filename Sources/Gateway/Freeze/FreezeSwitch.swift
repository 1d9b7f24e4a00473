import GatewayCore
import Synchronization

/// Whether calls are frozen, as every event loop asks before it lets one go.
final class FreezeSwitch: Sendable {
    private let flag: Atomic<Bool>
    private let state: Mutex<Freeze?>

    init(_ freeze: Freeze? = nil) {
        flag = Atomic(freeze != nil)
        state = Mutex(freeze)
    }

    /// One load. Who sets the switch visits each loop afterwards, so that no loop goes by an old value for longer than that.
    var isOn: Bool { flag.load(ordering: .relaxed) }

    var freeze: Freeze? { state.withLock { $0 } }

    func set(_ freeze: Freeze?) {
        state.withLock { state in
            state = freeze
            flag.store(freeze != nil, ordering: .relaxed)
        }
    }

    /// For a request that was stopped, even if the freeze ended in the meantime.
    var refusal: Refusal {
        let freeze =
            freeze ?? Freeze(sinceMilliseconds: Clock.wallMilliseconds(), by: "an operator", source: "", reason: "it has just ended")
        return freeze.refusal
    }
}

extension Exchange {
    /// Whether this request may not go out now. One load where nothing is frozen.
    var isFrozen: Bool {
        guard worker.freeze.isOn else { return false }
        // What is not known to be harmless is not.
        return record.route.map { runtime.routes.routes[$0].isDestructive } ?? true
    }
}

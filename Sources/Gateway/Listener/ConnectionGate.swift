import GatewayConfig
import NIOConcurrencyHelpers
import NIOCore

/// How many connections may be open: overall, and from one address. Entered once a connection, so a lock costs nothing here.
final class ConnectionGate: Sendable {
    private struct State {
        var limits: ListenerLimits
        var open = 0
        var byAddress: [String: Int] = [:]
    }

    private let state: NIOLockedValueBox<State>

    init(_ limits: ListenerLimits) { state = NIOLockedValueBox(State(limits: limits)) }

    /// Other limits, from the next connection on. Those that are open stay, more than the new limits allow or not.
    func adopt(_ limits: ListenerLimits) { state.withLockedValue { $0.limits = limits } }

    /// What connections of one peer are counted by; nil for a unix socket, whose peers have no address. They are counted whether or not
    /// there is a limit now: a reload may bring one.
    func key(of address: SocketAddress?) -> String? { address?.ipAddress }

    func enter(_ key: String?) -> Bool {
        state.withLockedValue { state in
            guard state.open < state.limits.connections else { return false }
            if let key {
                let count = state.byAddress[key, default: 0]
                guard count < state.limits.connectionsPerAddress ?? .max else { return false }
                state.byAddress[key] = count + 1
            }
            state.open += 1
            return true
        }
    }

    func leave(_ key: String?) {
        state.withLockedValue { state in
            state.open -= 1
            guard let key, let count = state.byAddress[key] else { return }
            state.byAddress[key] = count > 1 ? count - 1 : nil
        }
    }
}

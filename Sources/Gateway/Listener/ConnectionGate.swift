import GatewayConfig
import NIOConcurrencyHelpers
import NIOCore

/// How many connections may be open: overall, and from one address. Entered once a connection, so a lock costs nothing here.
final class ConnectionGate: Sendable {
    private struct State {
        var limits: ListenerLimits
        var open = 0
        /// The most that were open at once since the last crowd has gone.
        var crest = 0
        var byAddress: [String: Int] = [:]
    }

    /// Fewer connections are no crowd, and what they leave is not worth looking for.
    static let crowd = 256

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
            state.crest = max(state.crest, state.open)
            return true
        }
    }

    /// - Returns: true where with this one a crowd has gone: three quarters of what were `crowd` connections at least. Once for each crowd.
    func leave(_ key: String?) -> Bool {
        state.withLockedValue { state in
            state.open -= 1
            if let key, let count = state.byAddress[key] { state.byAddress[key] = count > 1 ? count - 1 : nil }
            guard state.crest >= Self.crowd, state.open <= state.crest / 4 else { return false }
            state.crest = state.open
            return true
        }
    }
}

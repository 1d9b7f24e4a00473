import GatewayConfig
import NIOConcurrencyHelpers
import NIOCore

/// How many connections may be open: overall, and from one address. Entered once a connection, so a lock costs nothing here.
final class ConnectionGate: Sendable {
    private struct State {
        var open = 0
        var byAddress: [String: Int] = [:]
    }

    private let limits: ListenerLimits
    private let state = NIOLockedValueBox(State())

    init(_ limits: ListenerLimits) { self.limits = limits }

    /// What connections of one peer are counted by; nil where no count by address is kept.
    func key(of address: SocketAddress?) -> String? {
        limits.connectionsPerAddress == nil ? nil : address?.ipAddress
    }

    func enter(_ key: String?) -> Bool {
        state.withLockedValue { state in
            guard state.open < limits.connections else { return false }
            if let key, let most = limits.connectionsPerAddress {
                guard state.byAddress[key, default: 0] < most else { return false }
                state.byAddress[key, default: 0] += 1
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

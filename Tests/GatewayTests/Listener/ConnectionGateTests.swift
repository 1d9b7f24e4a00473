import GatewayConfig
import Testing

@testable import Gateway

/// How many connections may be open, overall and from one address; and under contention, for the thread sanitizer.
@Suite struct ConnectionGateTests {
    @Test func bothLimitsHold() {
        let gate = ConnectionGate(ListenerLimits(connections: 3, connectionsPerAddress: 2))
        #expect(gate.enter("a") == true)
        #expect(gate.enter("a") == true)
        #expect(gate.enter("a") == false)
        #expect(gate.enter("b") == true)
        #expect(gate.enter("c") == false)
        gate.leave("a")
        #expect(gate.enter("c") == true)
    }

    @Test func newLimitsHoldForNewConnections() {
        let gate = ConnectionGate(ListenerLimits(connections: 10))
        for _ in 0..<5 { #expect(gate.enter("a") == true) }
        gate.adopt(ListenerLimits(connections: 10, connectionsPerAddress: 5))
        #expect(gate.enter("a") == false)
        #expect(gate.enter(nil) == true)
        gate.leave("a")
        #expect(gate.enter("a") == true)
    }

    @Test func manyThreadsNeverPassTheLimit() async throws {
        let gate = ConnectionGate(ListenerLimits(connections: 8, connectionsPerAddress: 4))
        _ = try await together(8) { number in
            for turn in 0..<2000 {
                if gate.enter("\(number % 3)") { gate.leave("\(number % 3)") }
                if number == 0, turn % 100 == 0 { gate.adopt(ListenerLimits(connections: 8, connectionsPerAddress: 4)) }
            }
        }
        // All have left: the whole room is there again.
        for _ in 0..<4 { #expect(gate.enter("0") == true) }
        #expect(gate.enter("0") == false)
        for _ in 0..<4 { #expect(gate.enter("1") == true) }
        #expect(gate.enter("2") == false)
    }
}

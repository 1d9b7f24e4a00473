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
        #expect(gate.leave("a") == false)
        #expect(gate.enter("c") == true)
    }

    @Test func newLimitsHoldForNewConnections() {
        let gate = ConnectionGate(ListenerLimits(connections: 10))
        for _ in 0..<5 { #expect(gate.enter("a") == true) }
        gate.adopt(ListenerLimits(connections: 10, connectionsPerAddress: 5))
        #expect(gate.enter("a") == false)
        #expect(gate.enter(nil) == true)
        #expect(gate.leave("a") == false)
        #expect(gate.enter("a") == true)
    }

    @Test func aCrowdIsMissedOnce() {
        let gate = ConnectionGate(ListenerLimits(connections: 10_000))
        func left(_ count: Int) -> [Int] { (1...count).filter { _ in gate.leave(nil) == true } }
        func come(_ count: Int) { for _ in 0..<count { #expect(gate.enter(nil) == true) } }
        come(ConnectionGate.crowd - 1)
        #expect(left(ConnectionGate.crowd - 1) == [])
        come(1000)
        #expect(left(749) == [])
        #expect(left(1) == [1])
        // The rest is none any more, until there are as many again.
        #expect(left(250) == [])
        come(400)
        #expect(left(400) == [300])
        come(400)
        #expect(left(200) == [])
        come(1000)
        #expect(left(1200) == [900, 1125])
    }

    @Test func manyThreadsNeverPassTheLimit() async throws {
        let gate = ConnectionGate(ListenerLimits(connections: 8, connectionsPerAddress: 4))
        _ = try await together(8) { number in
            for turn in 0..<2000 {
                if gate.enter("\(number % 3)") { _ = gate.leave("\(number % 3)") }
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

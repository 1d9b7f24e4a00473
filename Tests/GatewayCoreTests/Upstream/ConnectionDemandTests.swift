import Testing

@testable import GatewayCore

@Suite("How many connections are opened")
struct ConnectionDemandTests {
    struct Row {
        var each = 1
        var isUnknown = false
        var inLine: Int
        var connecting = 0
        var open = 0
        var capacity = 64
        var attempts: Int
    }

    @Test(arguments: [
        Row(inLine: 0, attempts: 0),
        Row(inLine: 1, attempts: 1),
        Row(inLine: 5, attempts: 5),
        Row(inLine: 5, connecting: 3, attempts: 2),
        Row(inLine: 5, connecting: 7, attempts: 0),
        Row(inLine: 100, attempts: 64),
        Row(inLine: 100, connecting: 10, open: 50, attempts: 4),
        Row(inLine: 1, open: 64, attempts: 0),
        Row(inLine: 1, open: 70, attempts: 0),
        // One connection is worth a hundred requests.
        Row(each: 100, inLine: 1, attempts: 1),
        Row(each: 100, inLine: 100, attempts: 1),
        Row(each: 100, inLine: 101, attempts: 2),
        Row(each: 100, inLine: 101, connecting: 1, attempts: 1),
        Row(each: 100, inLine: 1000, open: 1, capacity: 4, attempts: 3),
        // The first goes alone.
        Row(isUnknown: true, inLine: 50, attempts: 1),
        Row(isUnknown: true, inLine: 50, connecting: 1, attempts: 0),
        Row(isUnknown: true, inLine: 0, attempts: 0),
        Row(each: 0, inLine: 2, attempts: 2),
    ])
    func attempts(row: Row) {
        let demand = ConnectionDemand(expectedRequests: row.each, isUnknown: row.isUnknown)
        #expect(
            demand.attempts(inLine: row.inLine, connecting: row.connecting, open: row.open, capacity: row.capacity) == row.attempts,
            "\(row)")
    }

    @Test("The first connection shows what the others are worth")
    func learns() {
        var demand = ConnectionDemand(expectedRequests: 1, isUnknown: true)
        demand.opened(requests: 1)
        #expect(demand.attempts(inLine: 9, connecting: 0, open: 1, capacity: 64) == 9)
        demand.opened(requests: 8)
        #expect(demand.attempts(inLine: 9, connecting: 0, open: 1, capacity: 64) == 2)
        // An upstream that takes none for now does not bring division to its knees.
        demand.opened(requests: 0)
        #expect(demand.attempts(inLine: 9, connecting: 0, open: 1, capacity: 64) == 9)
    }

    @Test("A failed attempt is told to those for whom it was made, and the rest get attempts of their own")
    func failure() {
        var demand = ConnectionDemand(expectedRequests: 1, isUnknown: true)
        #expect(demand.failed() == 1)
        #expect(demand.attempts(inLine: 9, connecting: 0, open: 0, capacity: 64) == 9)
        demand.opened(requests: 100)
        #expect(demand.failed() == 100)
    }
}

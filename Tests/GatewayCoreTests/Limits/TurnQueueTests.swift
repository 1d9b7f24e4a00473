import Testing

@testable import GatewayCore

/// A queue behind a reference, so that an expectation may call what changes it.
private final class Queue {
    var turns: TurnQueue
    init(capacity: Int) { turns = TurnQueue(capacity: capacity) }

    /// The ticket that had to leave, if any.
    func add(_ ticket: Int, _ caller: Int, deadline: Int = .max) -> UInt64? {
        let request = admission(caller: caller, at: 0)
        return turns.enqueue(TurnQueue.Waiter(ticket: UInt64(ticket), request: request, deadline: UInt64(deadline)))?.ticket
    }
    func next(served: Bool = true) -> UInt64? { turns.removeNext(served: served)?.ticket }
    func cancel(_ ticket: UInt64, _ caller: Int) -> Bool { turns.cancel(ticket: ticket, caller: caller) }
    func expire(_ now: UInt64) -> [UInt64] { turns.removeExpired(now: now).map(\.ticket).sorted() }

    /// All tickets in the order of their turns, without taking them.
    var order: [UInt64] {
        var copy = turns
        var order: [UInt64] = []
        while let next = copy.removeNext(served: true) { order.append(next.ticket) }
        return order
    }
}

@Suite("Turn queue")
struct TurnQueueTests {
    struct Script: Sendable, CustomTestStringConvertible {
        var name: String
        /// Callers in order of arrival; tickets are 1, 2, 3 and so on.
        var arrivals: [Int]
        var order: [UInt64]
        var testDescription: String { name }
    }

    @Test(
        "Round robin between callers, first come first served within one",
        arguments: [
            Script(name: "one caller", arrivals: [0, 0, 0], order: [1, 2, 3]),
            Script(name: "two callers", arrivals: [0, 0, 0, 1, 1], order: [1, 4, 2, 5, 3]),
            Script(name: "three callers", arrivals: [2, 2, 2, 2, 0, 1], order: [1, 5, 6, 2, 3, 4]),
            Script(name: "nobody", arrivals: [], order: []),
        ])
    func order(script: Script) {
        let queue = Queue(capacity: 100)
        for (index, caller) in script.arrivals.enumerated() {
            let ticket = index + 1
            // What is foretold on arrival is what comes, were this the last arrival.
            let ahead = queue.turns.turnsAhead(ofCaller: caller)
            #expect(queue.add(ticket, caller) == nil)
            #expect(queue.order.firstIndex(of: UInt64(ticket)) == ahead)
        }
        #expect(queue.turns.last?.ticket == script.order.last)
        #expect(queue.order == script.order)
    }

    @Test("A caller that comes back goes before one that was served since")
    func comesBack() {
        let queue = Queue(capacity: 100)
        for ticket in 1...5 { #expect(queue.add(ticket, 0) == nil) }
        #expect(queue.next() == 1)
        #expect(queue.add(6, 1) == nil)
        #expect(queue.next() == 6)
        #expect(queue.next() == 2)
        // Served at turn 2, caller 1 is ahead of caller 0, served at turn 3.
        #expect(queue.turns.turnsAhead(ofCaller: 1) == 0)
        #expect(queue.add(7, 1) == nil)
        #expect(queue.order == [7, 3, 4, 5])
    }

    @Test("A turn that was not used does not put its caller last")
    func unusedTurn() {
        let queue = Queue(capacity: 100)
        for (ticket, caller) in [(1, 0), (2, 0), (3, 1)] { #expect(queue.add(ticket, caller) == nil) }
        #expect(queue.next(served: false) == 1)
        #expect(queue.order == [2, 3])
    }

    @Test("Full: the longest line makes room for a shorter one, and nobody else does")
    func full() {
        let queue = Queue(capacity: 4)
        for ticket in 1...4 { #expect(queue.add(ticket, 0) == nil) }
        #expect(queue.add(5, 0) == 5)
        #expect(queue.add(6, 1) == 4)
        #expect(queue.add(7, 1) == 3)
        #expect(queue.add(8, 2) == 7)
        #expect(queue.add(9, 1) == 9)
        #expect(queue.turns.count == 4)
        #expect(queue.order == [1, 6, 8, 2])
    }

    @Test("One who leaves gives up the place, and those behind move up")
    func cancel() {
        let queue = Queue(capacity: 10)
        for (ticket, caller) in [(1, 0), (2, 0), (3, 1), (4, 0)] { #expect(queue.add(ticket, caller) == nil) }
        #expect(queue.cancel(1, 0))
        #expect(!queue.cancel(1, 0))
        #expect(!queue.cancel(2, 1))
        #expect(queue.cancel(3, 1))
        #expect(queue.turns.count == 2 && queue.order == [2, 4])
    }

    @Test("Deadlines: the nanosecond itself is still in time")
    func expiry() {
        let queue = Queue(capacity: 10)
        for (ticket, deadline) in [(1, 300), (2, 100), (3, 200)] {
            #expect(queue.add(ticket, ticket % 2, deadline: deadline) == nil)
        }
        #expect(queue.turns.earliestDeadline == 100)
        #expect(queue.expire(100).isEmpty)
        #expect(queue.expire(201) == [2, 3])
        #expect(queue.turns.earliestDeadline == 300 && queue.turns.count == 1)
        #expect(queue.expire(301) == [1])
        #expect(queue.turns.isEmpty && queue.turns.earliestDeadline == .max && queue.turns.next == nil && queue.turns.last == nil)
    }
}

import Testing

@testable import GatewayCore

private let millisecond: UInt64 = 1_000_000

@Suite("Waiting room")
struct WaitingRoomTests {
    /// Drives a room the way an event loop does: at each event it looks, in virtual time.
    private final class Drive {
        let table: LimitTable
        var room: WaitingRoom
        var decisions: [WaitingRoom.Decision] = []
        var decidedAt: [UInt64: UInt64] = [:]
        var verdicts: [UInt64: WaitingRoom.Decision.Verdict] = [:]
        var nextTicket: UInt64 = 1

        init(_ table: LimitTable, capacity: Int = 1024) {
            self.table = table
            room = WaitingRoom(table: table, capacity: capacity)
        }

        func run(to time: UInt64) {
            while let event = room.nextEvent, event <= time {
                room.advance(now: event, into: &decisions)
                settle(event)
            }
        }

        /// The fast path first, as the edge does it; then the room.
        func send(_ caller: Int, route: Int = 0, at now: UInt64) -> UInt64 {
            run(to: now)
            let ticket = nextTicket
            nextTicket += 1
            let request = admission(route: route, caller: caller, at: now)
            switch table.take(request, now: now) {
            case .admitted(let reading): decisions.append(WaitingRoom.Decision(ticket: ticket, verdict: .admitted(reading)))
            case .refused(let refusal): decisions.append(WaitingRoom.Decision(ticket: ticket, verdict: .refused(refusal)))
            case .mustWait: room.arrive(request, ticket: ticket, now: now, into: &decisions)
            }
            settle(now)
            return ticket
        }

        func settle(_ now: UInt64) {
            for decision in decisions {
                #expect(verdicts.updateValue(decision.verdict, forKey: decision.ticket) == nil, "decided twice")
                decidedAt[decision.ticket] = now
            }
            decisions.removeAll()
        }

        func refusal(_ ticket: UInt64) -> LimitRefusal? {
            if case .refused(let refusal) = verdicts[ticket] { refusal } else { nil }
        }

        func isAdmitted(_ ticket: UInt64) -> Bool {
            if case .admitted = verdicts[ticket] { true } else { false }
        }
    }

    private let start = 100 * oneSecond

    @Test("A request waits for its turn and is admitted at that very nanosecond; one whose turn is too late is refused at once")
    func waits() throws {
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 250 * millisecond)]))
        let tickets = (0..<4).map { _ in drive.send(0, at: start) }
        #expect(drive.isAdmitted(tickets[0]) && drive.room.count == 2)
        #expect(drive.refusal(tickets[3]) == LimitRefusal(limit: 0, waitNanoseconds: 300 * millisecond, cause: .queueFull))
        drive.run(to: start + oneSecond)
        #expect(drive.decidedAt[tickets[1]] == start + 100 * millisecond && drive.isAdmitted(tickets[1]))
        #expect(drive.decidedAt[tickets[2]] == start + 200 * millisecond && drive.isAdmitted(tickets[2]))
        #expect(drive.room.count == 0 && drive.room.nextEvent == nil)
        #expect(drive.table.slots[0].waiters.load(ordering: .relaxed) == 0)
    }

    @Test("Nobody overtakes those who wait")
    func noOvertaking() throws {
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 250 * millisecond)]))
        _ = drive.send(0, at: start)
        let waiting = drive.send(0, at: start)
        // The key admits again, but the timer is a little late, and another caller asks first.
        let now = start + 101 * millisecond
        let table = drive.table
        #expect(table.take(admission(caller: 1, at: now), now: now).refusal != nil)
        var decisions: [WaitingRoom.Decision] = []
        drive.room.arrive(admission(caller: 1, at: now), ticket: 99, now: now, into: &decisions)
        #expect(decisions.map(\.ticket) == [waiting])
        drive.run(to: now + oneSecond)
        #expect(drive.isAdmitted(99) && drive.decidedAt[99] == start + 201 * millisecond)
    }

    @Test("A caller that hangs up gives its turn to the next")
    func hangsUp() throws {
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 250 * millisecond)]))
        _ = drive.send(0, at: start)
        let gone = drive.send(0, at: start)
        let behind = drive.send(1, at: start)
        #expect(drive.room.leave(ticket: gone) && !drive.room.leave(ticket: gone))
        drive.run(to: start + oneSecond)
        #expect(drive.decidedAt[behind] == start + 100 * millisecond && drive.verdicts[gone] == nil)
        #expect(drive.table.slots[0].waiters.load(ordering: .relaxed) == 0)
    }

    @Test("One caller sends 20 times what the other sends: the small one gets its full fair share", arguments: [UInt64(2), 5, 8])
    func fairness(small: UInt64) throws {
        // 10/s in all; `small` per second against 20 times as many.
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 250 * millisecond)]))
        var smallTickets: [UInt64] = []
        var bigTickets: [UInt64] = []
        let seconds: UInt64 = 60
        let step = oneSecond / (small * 20)
        for index in 0..<(seconds * small * 20) {
            let now = start + index * step
            bigTickets.append(drive.send(0, at: now))
            // At an odd moment, so that neither always comes right after a turn.
            if index % 20 == 7 { smallTickets.append(drive.send(1, at: now + step / 3)) }
        }
        drive.run(to: start + (seconds + 1) * oneSecond)
        let smallAdmitted = smallTickets.count { drive.isAdmitted($0) }
        let bigAdmitted = bigTickets.count { drive.isAdmitted($0) }
        let share = min(small, 5) * seconds
        #expect(Double(smallAdmitted) >= 0.98 * Double(share), "\(smallAdmitted) of \(share)")
        #expect(UInt64(smallAdmitted + bigAdmitted) >= 10 * seconds - 1, "no turn is wasted")
        #expect(UInt64(smallAdmitted + bigAdmitted) <= 10 * seconds + 4)
    }

    @Test("Each refusal comes with the time at which a turn is free, and the wait never exceeds maxWait")
    func bounded() throws {
        let drive = Drive(try limitTable([limitRule("account", 7, burst: 3, maxWait: 400 * millisecond)]))
        var sent: [UInt64: UInt64] = [:]
        for index in 0..<2000 {
            let now = start + UInt64(index) * 9 * millisecond
            sent[drive.send(index % 3, at: now)] = now
        }
        drive.run(to: start + 60 * oneSecond)
        #expect(drive.verdicts.count == 2000)
        for (ticket, at) in drive.decidedAt {
            #expect(at <= (sent[ticket] ?? 0) + 400 * millisecond)
            if let refusal = drive.refusal(ticket) { #expect(refusal.waitNanoseconds > 0) }
        }
        let admitted = drive.verdicts.keys.count { drive.isAdmitted($0) }
        // 3 + 7/s x 17.991 s, and those who still waited at the end.
        #expect((3 + 125...3 + 126 + 3).contains(admitted))
    }

    @Test("At its turn another limit may refuse: then it takes nothing, and the turn goes to the next at once")
    func anotherLimit() throws {
        let rules = [
            limitRule("account", 10, burst: 1, maxWait: 300 * millisecond), limitRule("fair", 1, per: 60 * oneSecond, burst: 2, .caller),
        ]
        let drive = Drive(try limitTable(rules))
        let first = drive.send(0, at: start)
        let second = drive.send(0, at: start)
        let third = drive.send(0, at: start)
        let other = drive.send(1, at: start)
        drive.run(to: start + oneSecond)
        #expect(drive.isAdmitted(first) && drive.isAdmitted(second) && drive.isAdmitted(other))
        #expect(drive.refusal(third)?.limit == 1)
        #expect(drive.decidedAt[other] == start + 200 * millisecond)
        // It is told as soon as it is next, and the turn that it could not use is still there.
        #expect(drive.decidedAt[third] == start + 200 * millisecond)
        #expect(drive.isAdmitted(drive.send(2, at: start + 300 * millisecond)))
    }

    @Test("A limit without maxWait refuses at once even where another would wait")
    func mixed() throws {
        let rules = [limitRule("account", 10, burst: 1, maxWait: 300 * millisecond), limitRule("fuse", 1, per: oneDay, burst: 1)]
        let drive = Drive(try limitTable(rules))
        _ = drive.send(0, at: start)
        let refused = drive.send(1, at: start)
        #expect(drive.refusal(refused) == LimitRefusal(limit: 1, waitNanoseconds: oneDay))
    }

    @Test("Two limits with maxWait: who has waited for one goes on to wait for the other")
    func twoQueues() throws {
        let rules = [
            limitRule("account", 10, burst: 1, maxWait: oneSecond), limitRule("fair", 2, burst: 1, .caller, maxWait: oneSecond),
        ]
        let drive = Drive(try limitTable(rules))
        let tickets = [drive.send(0, at: start), drive.send(0, at: start), drive.send(1, at: start), drive.send(0, at: start)]
        drive.run(to: start + 5 * oneSecond)
        #expect(tickets.map { drive.isAdmitted($0) } == [true, true, true, true])
        #expect(tickets.map { (drive.decidedAt[$0] ?? 0) - start } == [0, 500, 100, 1000].map { $0 * millisecond })
        #expect(drive.table.slots.allSatisfy { $0.waiters.load(ordering: .relaxed) == 0 })
    }

    @Test("A full queue sheds the longest line and stays bounded")
    func capacity() throws {
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 60 * oneSecond)]), capacity: 5)
        for _ in 0..<20 { _ = drive.send(0, at: start) }
        #expect(drive.room.count == 5)
        let small = drive.send(1, at: start)
        #expect(drive.room.count == 5 && drive.verdicts[small] == nil)
        drive.run(to: start + 10 * oneSecond)
        #expect(drive.isAdmitted(small) && (drive.decidedAt[small] ?? 0) <= start + 200 * millisecond)
    }

    @Test("A drain refuses at once whoever's turn comes after the end, and serves the rest")
    func drain() throws {
        let drive = Drive(try limitTable([limitRule("account", 10, burst: 1, maxWait: 60 * oneSecond)]))
        let tickets = (0..<6).map { _ in drive.send(0, at: start) }
        drive.room.close(lastTurn: start + 250 * millisecond, now: start + millisecond, into: &drive.decisions)
        drive.settle(start + millisecond)
        #expect(tickets.map { drive.refusal($0)?.cause == .draining } == [false, false, false, true, true, true])
        let late = drive.send(1, at: start + 200 * millisecond)
        #expect(drive.refusal(late)?.cause == .draining)
        drive.run(to: start + oneSecond)
        #expect(drive.isAdmitted(tickets[2]) && drive.room.count == 0)
    }
}

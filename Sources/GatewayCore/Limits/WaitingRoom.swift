/// Everybody who waits for a limit of one table: a `TurnQueue` for each key that somebody waits for, and when to look again.
///
/// A state machine: events go in with the time, decisions come out. Whoever drives it calls `advance` at `nextEvent`. A request that waits
/// has taken nothing; when its turn comes it takes from all of its limits or, where another of them refuses, from none.
public struct WaitingRoom: Sendable {
    public struct Decision: Sendable, Equatable {
        public enum Verdict: Sendable, Equatable {
            case admitted(LimitReading)
            case refused(LimitRefusal)
        }

        public var ticket: UInt64
        public var verdict: Verdict

        public init(ticket: UInt64, verdict: Verdict) {
            self.ticket = ticket
            self.verdict = verdict
        }
    }

    private struct Place {
        var slot: Int
        var caller: Int
    }

    fileprivate struct Queue {
        var turns: TurnQueue
        var limit: Int
        /// When the key admits the next one. Meaningless while nobody waits.
        var nextTurn: UInt64 = 0
        /// Nanoseconds from one turn to the next, at the pace last seen.
        var interval: UInt64 = 0
    }

    private let table: LimitTable
    private let capacity: Int
    private var queues: [Int: Queue] = [:]
    private var places: [UInt64: Place] = [:]
    /// Set by `close`: the last nanosecond at which a turn may come.
    private var lastTurn = UInt64.max

    /// - Parameter capacity: how many may wait for one key. `maxWait` bounds them too: nobody is let in whose turn would come too late.
    public init(table: LimitTable, capacity: Int = 1024) {
        self.table = table
        self.capacity = capacity
    }

    public var count: Int { places.count }

    /// When `advance` should be called: the next turn or the next deadline. Nil when nobody waits.
    public var nextEvent: UInt64? {
        var earliest: UInt64?
        for queue in queues.values where !queue.turns.isEmpty {
            // A deadline is the last moment at which a turn may still come.
            let event = min(queue.nextTurn, queue.turns.earliestDeadline.addingSaturating(1))
            earliest = min(earliest ?? .max, event)
        }
        return earliest
    }

    /// How many wait for a key (a slot of the table).
    public func waiting(for slot: Int) -> Int { queues[slot]?.turns.count ?? 0 }

    /// A request that could not be admitted at once. Its own decision is among `decisions` unless it waits now.
    public mutating func arrive(_ request: AdmissionRequest, ticket: UInt64, now: UInt64, into decisions: inout [Decision]) {
        advance(now: now, into: &decisions)
        switch table.take(request, now: now) {
        case .admitted(let reading): decisions.append(Decision(ticket: ticket, verdict: .admitted(reading)))
        case .refused(let refusal): decisions.append(Decision(ticket: ticket, verdict: .refused(refusal)))
        case .mustWait(let slot, let limit, let refusal):
            enter(request, ticket: ticket, slot: slot, limit: limit, refusal: refusal, now: now, into: &decisions)
        }
    }

    /// The caller has hung up: it leaves, and those behind it move up. Nothing to give back, for nothing was taken.
    /// - Returns: false where the ticket is already decided.
    @discardableResult
    public mutating func leave(ticket: UInt64) -> Bool {
        guard let place = places.removeValue(forKey: ticket) else { return false }
        queues[place.slot]?.turns.cancel(ticket: ticket, caller: place.caller)
        table.slots[place.slot].waiters.wrappingSubtract(1, ordering: .relaxed)
        return true
    }

    /// Serves every turn that has come and refuses everyone whose turn can no longer come in time.
    public mutating func advance(now: UInt64, into decisions: inout [Decision]) {
        for slot in queues.keys.sorted() {
            serve(slot, now: now, into: &decisions)
            shed(slot, now: now, into: &decisions)
        }
    }

    /// Somebody has given back what was taken, so that a turn may come earlier than it was foretold.
    public mutating func reconsider(now: UInt64, into decisions: inout [Decision]) {
        for slot in queues.keys { queues[slot]?.hasTurn(at: now) }
        advance(now: now, into: &decisions)
    }

    /// The gateway stops: whoever's turn cannot come by `lastTurn` is refused now, and from now on nobody is let in who would wait longer.
    public mutating func close(lastTurn: UInt64, now: UInt64, into decisions: inout [Decision]) {
        self.lastTurn = lastTurn
        advance(now: now, into: &decisions)
    }

    private mutating func enter(
        _ request: AdmissionRequest, ticket: UInt64, slot: Int, limit: Int, refusal: LimitRefusal, now: UInt64,
        into decisions: inout [Decision]
    ) {
        let deadline = request.arrival.addingSaturating(table.plan.rules[limit].maxWaitNanoseconds)
        var queue = queues.removeValue(forKey: slot) ?? Queue(turns: TurnQueue(capacity: capacity), limit: limit)
        if queue.turns.isEmpty { queue.nextTurn = now.addingSaturating(refusal.waitNanoseconds) }
        queue.interval = table.interval(ofLimit: limit, for: request)
        let turn = queue.turn(queue.turns.turnsAhead(ofCaller: request.caller))
        guard turn <= min(deadline, lastTurn) else {
            queues[slot] = queue
            let cause: LimitRefusal.Cause = turn <= deadline ? .draining : .queueFull
            let refusal = LimitRefusal(limit: limit, until: turn, now: now, cause: cause, route: request.route)
            decisions.append(Decision(ticket: ticket, verdict: .refused(refusal)))
            return
        }
        let displaced = queue.turns.enqueue(TurnQueue.Waiter(ticket: ticket, request: request, deadline: deadline))
        let afterLast = queue.turn(queue.turns.count)
        queues[slot] = queue
        places[ticket] = Place(slot: slot, caller: request.caller)
        table.slots[slot].waiters.wrappingAdd(1, ordering: .relaxed)
        if let displaced { refuse(displaced, slot: slot, until: afterLast, now: now, .queueFull, into: &decisions) }
        shed(slot, now: now, into: &decisions)
    }

    private mutating func serve(_ slot: Int, now: UInt64, into decisions: inout [Decision]) {
        // Only what is needed is copied out, for a copy of the queue would make each change of it copy the queue.
        while let limit = queues[slot]?.limit, let nextTurn = queues[slot]?.nextTurn, nextTurn <= now, let waiter = queues[slot]?.turns.next
        {
            switch table.take(waiter.request, now: now, inTurn: true) {
            case .admitted(let reading):
                queues[slot]?.turns.removeNext(served: true)
                decide(waiter.ticket, slot: slot, .admitted(reading), into: &decisions)
            case .refused(var refusal):
                queues[slot]?.turns.removeNext(served: false)
                if refusal.limit == limit { refusal.cause = .waitExpired }
                decide(waiter.ticket, slot: slot, .refused(refusal), into: &decisions)
            case .mustWait(slot, _, let refusal):
                queues[slot]?.nextTurn = now.addingSaturating(refusal.waitNanoseconds)
                queues[slot]?.interval = table.interval(ofLimit: limit, for: waiter.request)
            case .mustWait(let other, let otherLimit, let refusal):
                // Another of its limits is the later one now: it waits there, and does not hold up those behind it here.
                queues[slot]?.turns.removeNext(served: false)
                places[waiter.ticket] = nil
                table.slots[slot].waiters.wrappingSubtract(1, ordering: .relaxed)
                enter(waiter.request, ticket: waiter.ticket, slot: other, limit: otherLimit, refusal: refusal, now: now, into: &decisions)
            }
        }
    }

    /// Refuses those whose deadline has passed, and, from the end, those whose turn cannot come before it.
    private mutating func shed(_ slot: Int, now: UInt64, into decisions: inout [Decision]) {
        guard let expired = queues[slot]?.turns.removeExpired(now: now) else { return }
        for waiter in expired { refuse(waiter, slot: slot, until: queues[slot]?.nextTurn ?? now, now: now, .waitExpired, into: &decisions) }
        while let last = queues[slot]?.turns.last, let turn = queues[slot]?.turnOfLast {
            guard turn > min(last.deadline, lastTurn) else { return }
            queues[slot]?.turns.removeLast()
            refuse(last, slot: slot, until: turn, now: now, turn <= last.deadline ? .draining : .queueFull, into: &decisions)
        }
    }

    private mutating func refuse(
        _ waiter: TurnQueue.Waiter, slot: Int, until: UInt64, now: UInt64, _ cause: LimitRefusal.Cause, into decisions: inout [Decision]
    ) {
        // The key is not all that may refuse: the other limits of the route are asked too.
        let other = now.addingSaturating(table.wait(for: waiter.request, now: now))
        let refusal = LimitRefusal(
            limit: queues[slot]?.limit, until: max(until, other), now: now, cause: cause, route: waiter.request.route)
        decide(waiter.ticket, slot: slot, .refused(refusal), into: &decisions)
    }

    private mutating func decide(_ ticket: UInt64, slot: Int, _ verdict: Decision.Verdict, into decisions: inout [Decision]) {
        if places.removeValue(forKey: ticket) != nil { table.slots[slot].waiters.wrappingSubtract(1, ordering: .relaxed) }
        decisions.append(Decision(ticket: ticket, verdict: verdict))
    }
}

extension WaitingRoom.Queue {
    /// When the turn comes that has `ahead` turns before it.
    fileprivate func turn(_ ahead: Int) -> UInt64 {
        let (span, overflow) = interval.multipliedReportingOverflow(by: UInt64(max(ahead, 0)))
        return overflow ? .max : nextTurn.addingSaturating(span)
    }

    fileprivate mutating func hasTurn(at now: UInt64) { nextTurn = min(nextTurn, now) }

    fileprivate var turnOfLast: UInt64 { turn(turns.count - 1) }
}

/// Those who wait for one key, in the order of their turns: round robin between callers, first come first served within one.
///
/// Callers take turns by who was served longest ago, so one who asks seldom goes before one who asks all the time, however many requests
/// the other has waiting. With k callers waiting, each gets at least every k-th turn.
public struct TurnQueue: Sendable {
    public struct Waiter: Sendable, Equatable {
        public var ticket: UInt64
        public var request: AdmissionRequest
        /// The last nanosecond at which its turn may come.
        public var deadline: UInt64

        public init(ticket: UInt64, request: AdmissionRequest, deadline: UInt64) {
            self.ticket = ticket
            self.request = request
            self.deadline = deadline
        }
    }

    private struct Line: Sendable {
        var caller: Int
        /// The turn that served this caller last; 0 is never.
        var served: UInt64
        var waiters: [Waiter]
    }

    /// How many may wait at most.
    public let capacity: Int
    public private(set) var count = 0
    /// No waiter's deadline is earlier than this. `UInt64.max` when nobody waits.
    public private(set) var earliestDeadline = UInt64.max

    /// The callers who wait, served longest ago first.
    private var lines: [Line] = []
    /// The last turn of each caller who is not waiting now. One entry a configured caller at most.
    private var served: [Int: UInt64] = [:]
    private var turn: UInt64 = 0

    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
    }

    public var isEmpty: Bool { count == 0 }

    /// Whose turn is next.
    public var next: Waiter? { lines.first?.waiters.first }

    /// Who would be served last: the end of the longest line.
    public var last: Waiter? { longest.map { lines[$0].waiters[lines[$0].waiters.count - 1] } }

    /// How many turns would come before that of one more request of this caller.
    public func turnsAhead(ofCaller caller: Int) -> Int {
        let own = lines.firstIndex { $0.caller == caller }
        let position = own ?? lines.firstIndex { $0.served > served[caller, default: 0] } ?? lines.count
        let round = own.map { lines[$0].waiters.count } ?? 0
        var turns = round
        for (index, line) in lines.enumerated() where line.caller != caller {
            turns += min(line.waiters.count, index < position ? round + 1 : round)
        }
        return turns
    }

    /// Joins the end of its caller's line. Where the queue is full, the end of the longest line makes room, if that line is longer than
    /// the caller's own would be; else the newcomer has no place.
    /// - Returns: who had to leave, the newcomer included; nil where there was room.
    public mutating func enqueue(_ waiter: Waiter) -> Waiter? {
        var displaced: Waiter?
        if count >= capacity {
            let own = lines.first { $0.caller == waiter.request.caller }?.waiters.count ?? 0
            guard let longest, lines[longest].waiters.count > own + 1 else { return waiter }
            displaced = removeLast()
        }
        count += 1
        earliestDeadline = min(earliestDeadline, waiter.deadline)
        let caller = waiter.request.caller
        if let index = lines.firstIndex(where: { $0.caller == caller }) {
            lines[index].waiters.append(waiter)
        } else {
            let last = served.removeValue(forKey: caller) ?? 0
            let index = lines.firstIndex { $0.served > last } ?? lines.count
            lines.insert(Line(caller: caller, served: last, waiters: [waiter]), at: index)
        }
        return displaced
    }

    /// Removes the next waiter. A turn that was used puts its caller last; one that was not (the request was refused after all) does not.
    @discardableResult
    public mutating func removeNext(served isServed: Bool) -> Waiter? {
        guard var line = lines.first, !line.waiters.isEmpty else { return nil }
        lines.removeFirst()
        let waiter = line.waiters.removeFirst()
        removed(1)
        if isServed {
            turn += 1
            line.served = turn
        }
        if line.waiters.isEmpty {
            served[line.caller] = line.served
        } else {
            lines.insert(line, at: isServed ? lines.count : 0)
        }
        return waiter
    }

    /// Removes whoever would be served last.
    @discardableResult
    public mutating func removeLast() -> Waiter? {
        guard let longest else { return nil }
        let waiter = lines[longest].waiters.removeLast()
        removed(1)
        forgetIfEmpty(longest)
        return waiter
    }

    /// A waiter leaves; those behind it move up.
    /// - Returns: false where it is not in the queue (any more).
    @discardableResult
    public mutating func cancel(ticket: UInt64, caller: Int) -> Bool {
        guard let index = lines.firstIndex(where: { $0.caller == caller }),
            let place = lines[index].waiters.firstIndex(where: { $0.ticket == ticket })
        else { return false }
        lines[index].waiters.remove(at: place)
        removed(1)
        forgetIfEmpty(index)
        return true
    }

    /// Removes all whose deadline is before `now`, in no particular order.
    public mutating func removeExpired(now: UInt64) -> [Waiter] {
        guard earliestDeadline < now else { return [] }
        var expired: [Waiter] = []
        var earliest = UInt64.max
        for index in lines.indices.reversed() {
            lines[index].waiters.removeAll { waiter in
                guard waiter.deadline < now else {
                    earliest = min(earliest, waiter.deadline)
                    return false
                }
                expired.append(waiter)
                return true
            }
            forgetIfEmpty(index)
        }
        removed(expired.count)
        earliestDeadline = earliest
        return expired
    }

    private var longest: Int? {
        guard !lines.isEmpty else { return nil }
        var longest = 0
        for index in lines.indices where lines[index].waiters.count >= lines[longest].waiters.count { longest = index }
        return longest
    }

    private mutating func removed(_ number: Int) {
        count -= number
        if count == 0 { earliestDeadline = .max }
    }

    private mutating func forgetIfEmpty(_ index: Int) {
        guard lines[index].waiters.isEmpty else { return }
        served[lines[index].caller] = lines[index].served
        lines.remove(at: index)
    }
}

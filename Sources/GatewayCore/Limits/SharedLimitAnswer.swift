/// What the shared script answered.
public struct SharedLimitAnswer: Sendable, Equatable {
    /// How far one key is ahead of the store's now: microseconds and a part of one.
    struct Level: Sendable, Equatable {
        var whole: UInt64
        var part: UInt64
    }

    /// Whether one was taken from every key.
    let isTaken: Bool
    /// Microseconds until the request may go on (taken) or could be taken (not taken), rounded up.
    let wait: UInt64
    /// Position among the request's keys of the one that it waits for longest; nil where none makes it wait.
    let slowest: Int?
    let levels: [Level]

    /// The script's integers, in order; nil where they are not an answer to a request with `keys` keys.
    public init?(_ integers: [Int64], keys: Int) {
        guard integers.count == 3 + 2 * keys, integers.allSatisfy({ $0 >= 0 && $0 < 1 << 53 }), integers[0] <= 1, integers[2] <= keys
        else { return nil }
        isTaken = integers[0] == 1
        wait = UInt64(integers[1])
        slowest = integers[2] == 0 ? nil : Int(integers[2]) - 1
        if !isTaken, slowest == nil { return nil }
        levels = (0..<keys).map { Level(whole: UInt64(integers[3 + 2 * $0]), part: UInt64(integers[4 + 2 * $0])) }
    }
}

/// What the shared limits say of a request that the local table has let through.
public enum SharedLimitVerdict: Sendable, Equatable {
    /// Taken in the store as here. It may go on after so many nanoseconds; 0 is at once.
    case admitted(LimitReading, afterNanoseconds: UInt64)
    /// Taken nowhere.
    case refused(LimitRefusal)
    /// Taken nowhere, but it may wait for its turn.
    case mustWait
}

extension LimitTable {
    /// Settles a request that this table has admitted by what the store said of it. The table learns the store's levels, and so refuses by
    /// itself what the store would, and begins where the store stopped when that is gone.
    ///
    /// - Parameters:
    ///   - sentAt: when the store was asked; its levels count from here, so that this table is never behind the store's in giving leave.
    ///   - hasWaited: whether this was the request's turn in the queue.
    public func settle(
        _ answer: SharedLimitAnswer, for request: AdmissionRequest, under shared: SharedLimitPlan, sentAt: UInt64, now: UInt64,
        hasWaited: Bool
    ) -> SharedLimitVerdict {
        if !answer.isTaken { giveBack(request) }
        let range = plan.range(request)
        guard range.count == answer.levels.count else { return .admitted(.unlimited, afterNanoseconds: 0) }
        for (position, level) in zip(range, answer.levels) {
            let check = plan.checks[position]
            let state = check.gcra.ticks(at: sentAt) &+ ticks(level, check, shared)
            slots[check.slot(caller: request.caller)].state.max(state, ordering: .relaxed)
        }
        if answer.isTaken {
            return .admitted(reading(for: request, now: now), afterNanoseconds: answer.wait * 1000)
        }
        return refusal(answer, for: request, range, shared, now: now, hasWaited: hasWaited)
    }

    private func refusal(
        _ answer: SharedLimitAnswer, for request: AdmissionRequest, _ range: Range<Int>, _ shared: SharedLimitPlan, now: UInt64,
        hasWaited: Bool
    ) -> SharedLimitVerdict {
        var mayWait = !hasWaited
        for (position, level) in zip(range, answer.levels) where mayWait {
            let check = plan.checks[position]
            let state = check.gcra.ticks(at: now) &+ ticks(level, check, shared)
            let ready = check.gcra.conformsAt(state: state, pace: check.gcra.interval)
            if ready > now, check.maxWait == 0 || ready > request.arrival.addingSaturating(check.maxWait) { mayWait = false }
        }
        if mayWait { return .mustWait }
        let slowest = range.lowerBound + (answer.slowest ?? 0)
        // The table may know of a longer wait: an adaptive limit that is lowered here.
        return .refused(
            LimitRefusal(
                limit: plan.checks[slowest].limit, waitNanoseconds: max(answer.wait * 1000, wait(for: request, now: now), 1),
                cause: hasWaited ? .waitExpired : .exhausted, route: request.route))
    }

    /// The tightest of the request's limits, by what this table knows now.
    public func reading(for request: AdmissionRequest, now: UInt64) -> LimitReading {
        var tightest = LimitReading(limit: nil, remaining: .max, resetSeconds: 0, route: request.route)
        var tightestReset: UInt64 = 0
        for position in plan.range(request) {
            let check = plan.checks[position]
            let state = slots[check.slot(caller: request.caller)].state.load(ordering: .relaxed)
            let remaining = check.gcra.remaining(state: state, at: check.gcra.ticks(at: now), pace: pace(check))
            guard remaining <= tightest.remaining else { continue }
            let reset = check.gcra.nanosecondsUntilFull(state: state, now: now)
            if remaining < tightest.remaining || reset > tightestReset {
                tightest.limit = check.limit
                tightest.remaining = remaining
                tightestReset = reset
            }
        }
        tightest.resetSeconds = wholeUnits(tightestReset, of: 1_000_000_000)
        return tightest
    }

    /// The refusal where the store does not answer and must.
    public func storeRefusal(for request: AdmissionRequest) -> LimitRefusal {
        LimitRefusal(limit: nil, waitNanoseconds: 1_000_000_000, cause: .storeUnavailable, route: request.route)
    }

    /// Microseconds that a key is ahead here without the request that is about to be asked for; what a store that has forgotten the key
    /// is told. At most a window.
    func knownBacklog(_ check: LimitCheck, caller: Int, now: UInt64) -> UInt64 {
        let state = slots[check.slot(caller: caller)].state.load(ordering: .relaxed)
        let tick = check.gcra.ticks(at: now)
        let own = pace(check)
        guard state > tick, state &- tick > own else { return 0 }
        let ahead = min(state &- tick &- own, check.gcra.window)
        return check.gcra.nanoseconds(reaching: ahead) / 1000
    }

    private func ticks(_ level: SharedLimitAnswer.Level, _ check: LimitCheck, _ shared: SharedLimitPlan) -> UInt64 {
        check.gcra.ticks(microseconds: level.whole, part: level.part, of: shared.denominator(ofLimit: check.limit))
    }
}

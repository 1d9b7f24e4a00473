import Synchronization

/// The state of one key. A class, so that the tables before and after a reload share it, and requests that still run under the old
/// configuration count against the same number.
final class LimitSlot: Sendable {
    /// The theoretical arrival time in ticks of its limit's `GCRA`; 0 is never used.
    let state: Atomic<UInt64>
    /// How many requests wait for their turn. While it is not 0, no request may overtake them.
    let waiters = Atomic<Int>(0)

    init(state: UInt64 = 0) {
        self.state = Atomic(state)
    }
}

/// The counts of every limit, shared by all event loops. Lock-free: a request is admitted by one compare-and-swap per key.
///
/// Memory order is relaxed throughout: each number stands for itself, and nothing else is published through it.
public final class LimitTable: Sendable {
    public let plan: LimitPlan
    let slots: [LimitSlot]
    /// By position in `plan.paceKeys`.
    let paces: [AdaptivePace]

    public init(plan: LimitPlan) {
        self.plan = plan
        slots = plan.keys.map { _ in LimitSlot() }
        paces = plan.paceKeys.map { AdaptivePace(rule: plan.rules[$0.limit]) }
    }

    /// A table for a new configuration that goes on from the state of the old one. A key whose limit is unchanged is the same object in
    /// both; where rate or burst changed, the requests outstanding are carried over at the new rate.
    public init(plan: LimitPlan, inheriting old: LimitTable, now: UInt64) {
        self.plan = plan
        let known = Dictionary(zip(old.plan.keys, old.slots), uniquingKeysWith: { first, _ in first })
        let oldRules = Dictionary(old.plan.rules.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        slots = plan.keys.map { key in
            guard let slot = known[key], let oldRule = oldRules[key.limit] else { return LimitSlot() }
            let rule = plan.rules[key.position]
            if rule.rate == oldRule.rate && rule.burst == oldRule.burst { return slot }
            let before = GCRA(rate: oldRule.rate, burst: oldRule.burst)
            let after = GCRA(rate: rule.rate, burst: rule.burst)
            return LimitSlot(state: after.state(converting: slot.state.load(ordering: .relaxed), from: before, now: now))
        }
        let knownPaces = Dictionary(
            zip(old.plan.paceKeys, old.paces).map { ("\(old.plan.rules[$0.limit].name)\u{0}\(old.plan.upstreamNames[$0.upstream])", $1) },
            uniquingKeysWith: { first, _ in first })
        paces = plan.paceKeys.map { key in
            let rule = plan.rules[key.limit]
            guard let pace = knownPaces["\(rule.name)\u{0}\(plan.upstreamNames[key.upstream])"] else { return AdaptivePace(rule: rule) }
            return pace.rate == rule.rate && pace.burst == rule.burst ? pace : AdaptivePace(rule: rule, after: pace, now: now)
        }
    }

    /// Takes one request from each of its limits, or nothing from any.
    ///
    /// All are looked at before any is taken from, so a refusal touches nothing. Only where another thread takes the last of one between
    /// the look and the swap are those already taken given back.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - inTurn: the request has waited and its turn has come, so others who wait are no reason to wait.
    public func take(_ request: AdmissionRequest, now: UInt64, inTurn: Bool = false) -> LimitVerdict {
        let range = plan.range(request)
        if range.isEmpty { return .admitted(.unlimited) }
        while true {
            if let obstacle = obstacle(request, range, now: now, inTurn: inTurn) { return obstacle }
            if let reading = swap(request, range, now: now) { return .admitted(reading) }
        }
    }

    /// Gives back what an admitted request has taken but will not use: it was refused further on, or its caller has gone.
    ///
    /// Subtracting one interval leaves each key as if the request had never been, whatever others took on top of it in between. Where
    /// the key was all but full when it was taken from, the rest it would have had to forgo in between is kept: at most one request.
    public func giveBack(_ request: AdmissionRequest) {
        giveBack(plan.range(request), caller: request.caller)
    }

    /// When the next request of this caller on this route would be admitted, as nanoseconds from `now`; 0 is at once. Takes nothing.
    public func wait(for request: AdmissionRequest, now: UInt64) -> UInt64 {
        var latest = now
        for position in plan.range(request) {
            let check = plan.checks[position]
            let state = slots[check.slot(caller: request.caller)].state.load(ordering: .relaxed)
            latest = max(latest, check.gcra.conformsAt(state: state, pace: pace(check)))
        }
        return latest - now
    }

    /// The upstream of this route answered, and did not throttle. For every limit that adapts to it.
    public func upstreamSucceeded(route: Int, now: UInt64) {
        for pace in plan.pacesOfRoute[route] { paces[pace].succeeded(now: now) }
    }

    /// The upstream of this route throttled a request that was sent to it at `sentAt`.
    public func upstreamThrottled(route: Int, sentAt: UInt64, now: UInt64) {
        for pace in plan.pacesOfRoute[route] { paces[pace].throttled(sentAt: sentAt, now: now) }
    }

    /// When a throttled request may be tried again: one interval of its upstream's limits from now, at the pace that the throttle has just
    /// lowered, and no earlier than the upstream asked for. Nil where that is past `maxWait`, or where no limit allows a wait.
    public func retryInstant(for request: AdmissionRequest, now: UInt64) -> UInt64? {
        let range = plan.range(request)
        var instant = max(request.notBefore, now)
        for position in range {
            let check = plan.checks[position]
            instant = max(instant, now.addingSaturating(check.gcra.nanoseconds(reaching: pace(check))))
        }
        let inTime = range.allSatisfy { instant <= request.arrival.addingSaturating(plan.checks[$0].maxWait) }
        return inTime && !range.isEmpty ? instant : nil
    }

    /// What the caller is told whose request the upstream throttled: to come back no earlier than the upstream asked for, and not before
    /// the limits allow either. Where the upstream named no time, in a second at least.
    /// - Parameter upstreamWait: nanoseconds from now, as the upstream's `Retry-After` had it.
    public func upstreamRefusal(for request: AdmissionRequest, upstreamWait: UInt64?, now: UInt64) -> LimitRefusal {
        var retry = request
        retry.attempt = .retry
        let range = plan.range(retry)
        let limit = range.first { plan.checks[$0].pace >= 0 } ?? range.first
        return LimitRefusal(
            limit: limit.map { plan.checks[$0].limit },
            waitNanoseconds: max(upstreamWait ?? 1_000_000_000, wait(for: request, now: now), 1),
            cause: .upstreamThrottled, route: request.route)
    }

    /// Nanoseconds from one admission to the next at the pace in force; 0 where the request has no such limit.
    func interval(ofLimit limit: Int, for request: AdmissionRequest) -> UInt64 {
        for position in plan.range(request) where plan.checks[position].limit == limit {
            let check = plan.checks[position]
            return check.gcra.nanoseconds(reaching: pace(check))
        }
        return 0
    }

    func pace(_ check: LimitCheck) -> UInt64 {
        check.pace < 0 ? check.gcra.interval : paces[check.pace].ticks.load(ordering: .relaxed)
    }

    private func obstacle(_ request: AdmissionRequest, _ range: Range<Int>, now: UInt64, inTurn: Bool) -> LimitVerdict? {
        var latest: UInt64 = 0
        var latestLimit = -1
        var queue = -1
        var queueReady: UInt64 = 0
        var queueLimit = -1
        var mayWait = true
        for position in range {
            let check = plan.checks[position]
            let index = check.slot(caller: request.caller)
            let slot = slots[index]
            let state = slot.state.load(ordering: .relaxed)
            let tick = check.gcra.ticks(at: now)
            let pace = pace(check)
            if check.gcra.state(after: state, at: tick, pace: pace) != nil {
                if check.maxWait != 0, !inTurn, queue < 0, slot.waiters.load(ordering: .relaxed) > 0 {
                    queue = index
                    queueLimit = check.limit
                }
                continue
            }
            let ready = readiness(of: slot, state: state, check: check, pace: pace, tick: tick)
            if ready >= latest {
                latest = ready
                latestLimit = check.limit
            }
            if check.maxWait == 0 || ready > request.arrival.addingSaturating(check.maxWait) {
                mayWait = false
            } else if ready >= queueReady {
                queueReady = ready
                queue = index
                queueLimit = check.limit
            }
        }
        guard mayWait && queue >= 0 || latestLimit >= 0 else { return nil }
        let blame = mayWait ? queueLimit : latestLimit
        let refusal = LimitRefusal(limit: blame, until: latest, now: now, route: request.route)
        return mayWait ? .mustWait(slot: queue, limit: queueLimit, refusal) : .refused(refusal)
    }

    /// When a key that refuses now will admit.
    private func readiness(of slot: LimitSlot, state: UInt64, check: LimitCheck, pace: UInt64, tick: UInt64) -> UInt64 {
        // A monotonic clock is not set back, but a state further ahead than a full burst can say nothing else (a second is left for the
        // loops' clocks to differ by, and for a pace that has just changed). It then counts as just used up, and not as what the old
        // clock said.
        let furthest = tick + max(check.gcra.window, pace)
        let slack = check.gcra.ticks(at: 1_000_000_000) &+ pace
        guard state > furthest.addingSaturating(slack) else { return check.gcra.conformsAt(state: state, pace: pace) }
        _ = slot.state.compareExchange(expected: state, desired: furthest, ordering: .relaxed)
        return check.gcra.conformsAt(state: furthest, pace: pace)
    }

    /// Takes from each key in order; nil, with nothing taken, where one has meanwhile been used up by another thread.
    private func swap(_ request: AdmissionRequest, _ range: Range<Int>, now: UInt64) -> LimitReading? {
        var tightest = LimitReading(limit: nil, remaining: .max, resetSeconds: 0, route: request.route)
        var tightestReset: UInt64 = 0
        for position in range {
            let check = plan.checks[position]
            let slot = slots[check.slot(caller: request.caller)]
            let tick = check.gcra.ticks(at: now)
            let pace = pace(check)
            var state = slot.state.load(ordering: .relaxed)
            while true {
                guard let next = check.gcra.state(after: state, at: tick, pace: pace) else {
                    giveBack(range.lowerBound..<position, caller: request.caller)
                    return nil
                }
                let (exchanged, seen) = slot.state.weakCompareExchange(expected: state, desired: next, ordering: .relaxed)
                if exchanged {
                    state = next
                    break
                }
                state = seen
            }
            let remaining = check.gcra.remaining(state: state, at: tick, pace: pace)
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

    private func giveBack(_ range: Range<Int>, caller: Int) {
        for position in range {
            let check = plan.checks[position]
            let slot = slots[check.slot(caller: caller)]
            let pace = pace(check)
            var state = slot.state.load(ordering: .relaxed)
            while true {
                let less = state > pace ? state - pace : 0
                let (exchanged, seen) = slot.state.weakCompareExchange(expected: state, desired: less, ordering: .relaxed)
                if exchanged { break }
                state = seen
            }
        }
    }
}

extension UInt64 {
    /// The sum, or the largest value where there is none.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

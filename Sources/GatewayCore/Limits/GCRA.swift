/// The generic cell rate algorithm (ITU-T I.371 annex A, virtual scheduling) for one rate, in exact integer arithmetic.
///
/// The state of a key is one number, its theoretical arrival time (TAT): the instant at which the key is full again. A request moves
/// it on by one emission interval and conforms as long as it then lies no further ahead of `now` than `window`, a full burst.
///
/// The emission interval of, say, 7/s is 142,857,142 6/7 ns. Rounding it would drift, so time is counted in *ticks* in which it is
/// whole: with period/count = n/d in lowest terms, a tick is `quantum`/d ns, the interval is n/`quantum` ticks, and `quantum` (a
/// divisor of n, 1 where d is at most 8) is as small as keeps 36 years of ticks below 2^63. Where that would make the clock coarser
/// than a 64th of the interval (rates of over 10,000/s with a large d), ticks are eighths of a nanosecond and the interval is rounded up:
/// slower than configured by less than a part in a thousand up to 8,000,000/s.
///
/// Nothing here can overflow: `now` is at most 2^63 ticks, a window and a pace at most 2^61, and a state at most `now` + window.
public struct GCRA: Sendable, Equatable {
    /// Ticks from one request to the next at the configured rate. 1 to 2^61.
    public let interval: UInt64
    /// Ticks by which the TAT may be ahead after a request: `burst` intervals. At most 2^61.
    public let window: UInt64
    public let burst: UInt64
    let ticksPerQuantum: UInt64
    /// Nanoseconds. The clock is read in steps of this.
    let quantum: UInt64
    /// The last quantum that is counted; afterwards time stands still, and so fails closed.
    let lastQuantum: UInt64
    /// Whether no request is ever counted as more or less than period/count.
    public let isExact: Bool

    private static let horizonNanoseconds: UInt64 = 1 << 60
    private static let largestTick: UInt64 = 1 << 63
    private static let largestSpan: UInt64 = 1 << 61

    /// A `rate.count`, `rate.periodNanoseconds` or `burst` of 0 counts as 1; a period above 2^60 ns (36 years) counts as 2^60.
    public init(rate: Rate, burst: UInt64) {
        let count = max(rate.count, 1)
        let period = min(max(rate.periodNanoseconds, 1), GCRA.horizonNanoseconds)
        let common = greatestCommonDivisor(count, period)
        let numerator = period / common
        let denominator = count / common
        let exact = GCRA.smallestDivisor(of: numerator, atLeast: denominator / 8 + (denominator % 8 == 0 ? 0 : 1))
        let (steps, overflow) = exact.multipliedReportingOverflow(by: denominator)
        if !overflow, steps <= numerator / 64 {
            ticksPerQuantum = denominator
            quantum = exact
            interval = numerator / exact
            isExact = true
        } else {
            ticksPerQuantum = 8
            quantum = 1
            interval = wholeUnits(period * 8, of: count)
            isExact = false
        }
        lastQuantum = GCRA.largestTick / ticksPerQuantum
        self.burst = max(burst, 1)
        let (product, tooLarge) = interval.multipliedReportingOverflow(by: self.burst)
        window = tooLarge ? GCRA.largestSpan : min(product, GCRA.largestSpan)
    }

    /// The tick that `now` (nanoseconds of a monotonic clock) lies in. At most 2^63.
    public func ticks(at now: UInt64) -> UInt64 {
        let quanta = quantum == 1 ? now : now / quantum
        return min(quanta, lastQuantum) &* ticksPerQuantum
    }

    /// The first nanosecond whose tick is `ticks` or later.
    public func nanoseconds(reaching ticks: UInt64) -> UInt64 {
        let quanta = ticks / ticksPerQuantum &+ (ticks % ticksPerQuantum == 0 ? 0 : 1)
        let (product, overflow) = quanta.multipliedReportingOverflow(by: quantum)
        return overflow ? UInt64.max : product
    }

    /// The state after one request more, or nil where it does not conform.
    /// - Parameters:
    ///   - state: the TAT in ticks; 0 is a key never used.
    ///   - tick: `ticks(at: now)`.
    ///   - pace: the interval in force, at least `interval`; the window stays as long as it is, and so admits fewer at once.
    public func state(after state: UInt64, at tick: UInt64, pace: UInt64) -> UInt64? {
        let next = max(state, tick) &+ pace
        return next &- tick <= max(window, pace) ? next : nil
    }

    /// The nanosecond at which the next request conforms; in the past or `now` where it already does. Exact, rounded up.
    public func conformsAt(state: UInt64, pace: UInt64) -> UInt64 {
        let needed = state &+ pace
        let span = max(window, pace)
        return needed <= span ? 0 : nanoseconds(reaching: needed &- span)
    }

    /// How many requests would conform at once right now. 0 to `burst`.
    public func remaining(state: UInt64, at tick: UInt64, pace: UInt64) -> UInt64 {
        let backlog = state > tick ? state &- tick : 0
        let span = max(window, pace)
        return backlog >= span ? 0 : (span &- backlog) / pace
    }

    /// Nanoseconds until the whole burst is available again.
    public func nanosecondsUntilFull(state: UInt64, now: UInt64) -> UInt64 {
        let full = nanoseconds(reaching: state)
        return full > now ? full &- now : 0
    }

    /// The state that leaves as many requests outstanding under `self` as `state` did under `other`, at most a full window.
    /// Used when a reload changes a rate, so that a new rate is no way to a fresh burst.
    public func state(converting state: UInt64, from other: GCRA, now: UInt64) -> UInt64 {
        let theirs = other.ticks(at: now)
        let backlog = state > theirs ? min(state - theirs, other.window) : 0
        let (high, low) = backlog.multipliedFullWidth(by: interval)
        let spent = high >= other.interval ? window : min(other.interval.dividingFullWidth((high, low)).quotient, window)
        return ticks(at: now) + spent
    }

    /// The interval for a rate of `perSecond`, never shorter than the configured one.
    public func pace(perSecond: Double) -> UInt64 {
        let ticksPerSecond = 1e9 / Double(quantum) * Double(ticksPerQuantum)
        let exact = (ticksPerSecond / max(perSecond, 1e-9)).rounded()
        return exact >= Double(GCRA.largestSpan) ? GCRA.largestSpan : max(interval, UInt64(max(exact, 1)))
    }

    /// Tries the divisors 2^a 3^b 5^c in order of size: every period that can be configured has no other prime factor.
    private static func smallestDivisor(of number: UInt64, atLeast least: UInt64) -> UInt64 {
        var best = number
        var twos: UInt64 = 1
        while number % twos == 0 {
            var threes = twos
            while number % threes == 0 {
                var fives = threes
                while number % fives == 0 {
                    if fives >= least { best = min(best, fives) }
                    let (next, overflow) = fives.multipliedReportingOverflow(by: 5)
                    if overflow { break }
                    fives = next
                }
                let (next, overflow) = threes.multipliedReportingOverflow(by: 3)
                if overflow { break }
                threes = next
            }
            let (next, overflow) = twos.multipliedReportingOverflow(by: 2)
            if overflow { break }
            twos = next
        }
        return best
    }
}

private func greatestCommonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
}

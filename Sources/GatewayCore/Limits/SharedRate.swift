/// One limit in the numbers of the shared script: microseconds as a whole and the numerator of a part.
struct SharedRate: Sendable, Equatable {
    /// From one request to the next.
    let interval: UInt64
    let intervalPart: UInt64
    /// Of both parts. 1 to 2^52.
    let denominator: UInt64
    /// How far the state may be ahead after a request: `burst` intervals. At most 2^51 us, 71 years.
    let window: UInt64
    let windowPart: UInt64
    /// How far it may ever be ahead: a window, a wait, and a second for what the clock may be off.
    let furthest: UInt64

    private static let longest: UInt64 = 1 << 51

    init(_ rule: LimitRule) {
        let count = max(rule.rate.count, 1)
        let period = max(rule.rate.periodNanoseconds / 1000, 1)
        let common = SharedRate.greatestCommonDivisor(period, count)
        let numerator = period / common
        denominator = min(count / common, 1 << 52)
        interval = numerator / denominator
        intervalPart = numerator % denominator
        let product = numerator.multipliedFullWidth(by: max(rule.burst, 1))
        if product.high < denominator, case (let whole, let part) = denominator.dividingFullWidth(product), whole < SharedRate.longest {
            window = whole
            windowPart = part
        } else {
            window = SharedRate.longest
            windowPart = 0
        }
        furthest = window.addingSaturating(min(rule.maxWaitNanoseconds / 1000, SharedRate.longest)).addingSaturating(1_000_000)
    }

    private static func greatestCommonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}

extension GCRA {
    /// So many microseconds and a part, in ticks, rounded down; exact for any number of whole intervals where the GCRA is exact.
    func ticks(microseconds: UInt64, part: UInt64, of denominator: UInt64) -> UInt64 {
        // (whole * denominator + part) / denominator us are so many ticks of quantum / ticksPerQuantum ns.
        let scale = 1000 * ticksPerQuantum
        let (wide, low) = microseconds.multipliedFullWidth(by: denominator)
        let (sum, carry) = low.addingReportingOverflow(part)
        // Where that is too large for exact arithmetic the part does not matter.
        guard wide == 0, !carry else { return ticks(at: microseconds.multipliedReportingOverflow(by: 1000).partialValue) }
        let product = sum.multipliedFullWidth(by: scale)
        let (divisor, overflow) = denominator.multipliedReportingOverflow(by: quantum)
        guard !overflow, product.high < divisor else {
            return ticks(at: microseconds.multipliedReportingOverflow(by: 1000).partialValue)
        }
        return divisor.dividingFullWidth(product).quotient
    }
}

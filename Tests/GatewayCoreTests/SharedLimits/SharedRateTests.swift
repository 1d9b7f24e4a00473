import Testing

@testable import GatewayCore

@Suite("Shared limits: numbers for the script")
struct SharedRateTests {
    struct Row: Sendable {
        var count: UInt64
        var period: UInt64
        var burst: UInt64
        var interval: [UInt64]
        var window: [UInt64]
    }

    @Test(
        "An interval is whole microseconds and an exact part; the window is a burst of them",
        arguments: [
            Row(count: 10, period: oneSecond, burst: 20, interval: [100_000, 0, 1], window: [2_000_000, 0]),
            Row(count: 7, period: oneSecond, burst: 2, interval: [142_857, 1, 7], window: [285_714, 2]),
            Row(count: 7, period: oneSecond, burst: 7, interval: [142_857, 1, 7], window: [1_000_000, 0]),
            Row(count: 500, period: oneDay, burst: 500, interval: [172_800_000, 0, 1], window: [86_400_000_000, 0]),
            Row(count: 1_000_000, period: oneSecond, burst: 3, interval: [1, 0, 1], window: [3, 0]),
            Row(count: 999_999, period: oneSecond, burst: 999_999, interval: [1, 1, 999_999], window: [1_000_000, 0]),
            Row(count: 3_000_000, period: oneSecond, burst: 4, interval: [0, 1, 3], window: [1, 1]),
            Row(count: 1, period: oneDay, burst: 1_000_000, interval: [86_400_000_000, 0, 1], window: [1 << 51, 0]),
        ])
    func numbers(row: Row) {
        let rate = SharedRate(limitRule("a", row.count, per: row.period, burst: row.burst, maxWait: 250_000_000))
        #expect([rate.interval, rate.intervalPart, rate.denominator] == row.interval)
        #expect([rate.window, rate.windowPart] == row.window)
        #expect(rate.furthest == rate.window + 250_000 + 1_000_000)
    }

    @Test(
        "Whole intervals in microseconds are whole intervals in ticks, for every rate that is exact",
        arguments: [1, 3, 7, 10, 11, 13, 97, 300, 997, 1000, 9973] as [UInt64], [oneSecond, 60 * oneSecond, oneDay])
    func ticks(count: UInt64, period: UInt64) {
        let rule = limitRule("a", count, per: period, burst: 20)
        let rate = SharedRate(rule)
        let gcra = GCRA(rate: rule.rate, burst: rule.burst)
        var (whole, part): (UInt64, UInt64) = (0, 0)
        for number in 1...100 as ClosedRange<UInt64> {
            whole += rate.interval
            part += rate.intervalPart
            if part >= rate.denominator { (whole, part) = (whole + 1, part - rate.denominator) }
            #expect(gcra.isExact && gcra.ticks(microseconds: whole, part: part, of: rate.denominator) == number * gcra.interval)
        }
    }

    @Test("Ticks of a span that no exact product can hold are near and do not trap")
    func longSpan() {
        let gcra = GCRA(rate: Rate(count: 7, periodNanoseconds: oneSecond), burst: 1)
        #expect(gcra.ticks(microseconds: 1 << 51, part: 6, of: 7) > 0)
        #expect(gcra.ticks(microseconds: 1 << 52, part: 0, of: 1 << 52) > 0)
    }
}

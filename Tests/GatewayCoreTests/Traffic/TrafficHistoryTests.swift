import Testing

@testable import GatewayCore

/// Minute 29,000,000 since 1970, in milliseconds.
private let noon: Int64 = 29_000_000 * 60_000

@Suite("The last hour of traffic, in virtual time")
struct TrafficHistoryTests {
    @Test(
        "An answer is of one kind",
        arguments: [
            (AnswerOrigin.upstream, 204, TrafficKind.served), (.upstream, 302, .served), (.upstream, 404, .upstreamError),
            (.upstream, 503, .upstreamError), (.upstream, 429, .upstreamThrottle), (.gateway, 429, .limited), (.gateway, 400, .refused),
            (.gateway, 403, .refused), (.gateway, 500, .failed), (.gateway, 503, .failed),
        ])
    func kind(origin: AnswerOrigin, status: Int, kind: TrafficKind) {
        #expect(TrafficKind(origin: origin, status: status) == kind)
    }

    @Test("Every kind has its cell")
    func kindCount() { #expect(TrafficTally.kindCount == TrafficKind.allCases.count) }

    @Test("The first request of a later minute gives the minute before away")
    func minuteTurns() {
        var tally = TrafficTally(callers: ["billing", "ops"])
        #expect(tally.row == nil)
        #expect(tally.count(.served, caller: 0, arrival: noon) == nil)
        #expect(tally.count(.served, caller: 0, arrival: noon + 59_999) == nil)
        #expect(tally.count(.limited, caller: nil, arrival: noon + 30_000) == nil)
        var counts = TrafficCounts()
        counts[.served] = 2
        var unknown = TrafficCounts()
        unknown[.limited] = 1
        let row = TrafficTally.Row(minute: noon / 60_000, counts: ["billing": counts, nil: unknown])
        #expect(tally.row == row)
        #expect(tally.count(.refused, caller: 1, arrival: noon + 60_000) == row)
        #expect(tally.row?.minute == noon / 60_000 + 1)
        #expect(tally.row?.counts["ops"]?[.refused] == 1 && tally.row?.counts.count == 1)
    }

    @Test(
        "A request that arrived before counts into the minute under way, unless the clock was set back",
        arguments: [(Int64(-1), true), (-600_000, true), (-600_001, false), (-86_400_000, false)])
    func earlierArrival(offset: Int64, staysInMinute: Bool) {
        var tally = TrafficTally(callers: [])
        #expect(tally.count(.served, caller: nil, arrival: noon) == nil)
        let finished = tally.count(.served, caller: nil, arrival: noon + offset)
        #expect((finished == nil) == staysInMinute)
        #expect(tally.row?.minute == (staysInMinute ? noon : noon + offset) / 60_000)
        #expect(tally.row?.counts[nil]?[.served] == (staysInMinute ? 2 : 1))
    }

    @Test("A position beyond the names counts as unknown")
    func beyond() {
        var tally = TrafficTally(callers: ["a"])
        _ = tally.count(.served, caller: 7, arrival: noon)
        #expect(tally.row?.counts.keys.contains(nil) == true)
    }

    private func row(_ minute: Int64, _ name: String? = "a", _ number: UInt64 = 1) -> TrafficTally.Row {
        var counts = TrafficCounts()
        counts[.served] = number
        return TrafficTally.Row(minute: noon / 60_000 + minute, counts: [name: counts])
    }

    private func served(_ report: TrafficReport, _ name: String? = "a") -> [UInt64] {
        report.callers.first { $0.name == name }?.counts[.served] ?? []
    }

    @Test(
        "An hour is kept, no minute more, and none that is still to come",
        arguments: [(Int64(0), 59), (-1, 58), (-59, 0), (-60, nil), (1, nil), (-100_000, nil)] as [(Int64, Int?)])
    func window(minute: Int64, position: Int?) {
        var history = TrafficHistory()
        history.add(row(minute), now: noon)
        let values = served(history.report(current: [], now: noon))
        #expect(values.firstIndex(of: 1) == position)
        #expect(values.count == (position == nil ? 0 : 60))
    }

    @Test("Loops and minutes add up, and an hour later all is forgotten")
    func sums() {
        var history = TrafficHistory()
        history.add(row(-1, "a", 2), now: noon)
        history.add(row(-1, "a", 3), now: noon)
        history.add(row(-1, nil, 4), now: noon)
        let report = history.report(current: [row(0, "a", 5), row(0, "b", 6), row(-1, "a", 7)], now: noon + 59_000)
        #expect(report.callers.map(\.name) == ["a", "b", nil])
        #expect(served(report)[58...59] == [12, 5])
        #expect(served(report, "b")[59] == 6 && served(report, nil)[58] == 4)
        #expect(history.report(current: [], now: noon + 58 * 60_000).callers.count == 2)
        #expect(history.report(current: [], now: noon + 59 * 60_000).callers.isEmpty)
    }

    @Test("The ring takes the place of what is an hour old, and of what the clock was set back from")
    func ring() {
        var history = TrafficHistory()
        for minute in 0..<200 { history.add(row(Int64(minute), "a", UInt64(minute)), now: noon + Int64(minute) * 60_000) }
        #expect(served(history.report(current: [], now: noon + 199 * 60_000)) == (140...199).map { UInt64($0) })
        history.add(row(100, "a", 7), now: noon + 100 * 60_000)
        #expect(served(history.report(current: [], now: noon + 100 * 60_000))[59] == 7)
    }

    @Test("What upstreams did counts for five minutes", arguments: [(Int64(0), true), (-4, true), (-5, false), (-59, false)])
    func upstreams(minute: Int64, counts: Bool) {
        var tally = TrafficTally(callers: [], upstreams: ["chime", "other"])
        let arrival = noon + minute * 60_000
        #expect(tally.count(upstream: 0, nanoseconds: 20_000_000, arrival: arrival) == nil)
        #expect(tally.count(upstream: 0, nanoseconds: nil, arrival: arrival) == nil)
        #expect(tally.count(upstream: 9, nanoseconds: nil, arrival: arrival) == nil)
        let row = tally.row
        #expect(row?.upstreams.count == 1 && row?.counts.isEmpty == true)
        #expect(tally.count(upstream: 1, nanoseconds: 1, arrival: arrival + 60_000) == row)
        var history = TrafficHistory()
        history.add(row ?? TrafficTally.Row(minute: 0), now: noon)
        let report = history.report(current: [], now: noon)
        #expect(report.upstreams["chime"]?.answerCount == (counts ? 1 : nil))
        #expect(report.upstreams["chime"]?.failureCount == (counts ? 1 : nil))
        #expect(report.callers.isEmpty)
    }

    @Test(
        "A latency falls into the class whose middle is near",
        arguments: [UInt64(1000), 1_500_000, 2_000_000, 17_900_000, 47_000_000, 1_000_000_000, 29_000_000_000])
    func latencyClass(nanoseconds: UInt64) throws {
        var counts = UpstreamCounts()
        counts.answer(nanoseconds: nanoseconds)
        let middle = try #require(counts.quantile(0.5))
        let ratio = middle * 1e6 / Double(nanoseconds)
        #expect(ratio > 0.8 && ratio < 1.26, "\(ratio)")
    }

    @Test("Classes are in order, and what is beyond them is in the first or last")
    func latencyClasses() {
        #expect(UpstreamCounts.latencyClass(0) == 0)
        #expect(UpstreamCounts.latencyClass(.max) == UpstreamCounts.classCount - 1)
        let classes = (0..<64).map { UpstreamCounts.latencyClass(1000 << UInt64($0)) }.prefix(54)
        #expect(zip(classes, classes.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test("Quantiles are those of all answers")
    func quantiles() throws {
        var counts = UpstreamCounts()
        #expect(counts.quantile(0.5) == nil)
        for _ in 0..<95 { counts.answer(nanoseconds: 10_000_000) }
        for _ in 0..<5 { counts.answer(nanoseconds: 500_000_000) }
        let (median, high, highest) = (
            try #require(counts.quantile(0.5)), try #require(counts.quantile(0.95)), try #require(counts.quantile(0.99))
        )
        #expect(median == high && median > 8 && median < 12.5 && highest > 400 && highest < 630)
    }
}

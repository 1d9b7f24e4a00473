import Testing

@testable import GatewayCore

@Suite struct RequestTallyTests {
    private static func key(_ route: String, _ caller: String, _ origin: String, _ status: String) -> RequestTally.Key {
        RequestTally.Key(route: route, caller: caller, origin: origin, status: status)
    }

    @Test func countsByNames() {
        var tally = RequestTally(routes: ["Delete", "List"], callers: ["a", "b"])
        for _ in 0..<2 { tally.count(route: 0, caller: 1, origin: .upstream, status: 204, nanoseconds: 3_000_000) }
        tally.count(route: 1, caller: nil, origin: .gateway, status: 429, nanoseconds: 0)
        tally.count(route: nil, caller: 0, origin: .gateway, status: 418, nanoseconds: 20_000_000_000)
        tally.count(route: 9, caller: 9, origin: .gateway, status: 9999, nanoseconds: 1)
        #expect(
            tally.counts == [
                Self.key("Delete", "b", "upstream", "204"): 2, Self.key("List", "", "gateway", "429"): 1,
                Self.key("", "a", "gateway", "4xx"): 1, Self.key("", "", "gateway", "other"): 1,
            ])
        let durations = tally.durationsByPlace[RequestTally.Place(route: "Delete", origin: "upstream")]
        #expect(durations?.count == 2 && durations?.sum == 6_000_000 && durations?.bound(of: 0.99) == 5_000_000)
        #expect(tally.durationsByPlace[RequestTally.Place(route: "", origin: "gateway")]?.bound(of: 1) == nil)
    }

    @Test func goesOnUnderAnotherConfiguration() {
        var old = RequestTally(routes: ["Delete"], callers: ["a"])
        old.count(route: 0, caller: 0, origin: .upstream, status: 204, nanoseconds: 1)
        var new = RequestTally(routes: ["List", "Delete"], callers: ["b", "a"], after: old)
        new.count(route: 1, caller: 1, origin: .upstream, status: 204, nanoseconds: 1)
        #expect(new.counts == [Self.key("Delete", "a", "upstream", "204"): 2])
        #expect(new.durationsByPlace[RequestTally.Place(route: "Delete", origin: "upstream")]?.count == 2)
    }

    @Test(arguments: [(0, 0), (10, 0), (11, 1), (20, 1), (21, 2)] as [(UInt64, Int)])
    func aBoundBelongsToItsClass(nanoseconds: UInt64, expected: Int) {
        var histogram = Histogram(bounds: [10, 20])
        histogram.add(nanoseconds)
        #expect(histogram.counts.firstIndex(of: 1) == expected && histogram.count == 1)
    }
}

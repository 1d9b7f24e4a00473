import Testing

@testable import GatewayCore

@Suite struct RFC3339Tests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (.max, "9999-12-31T23:59:59.999Z"), (.min, "0000-01-01T00:00:00.000Z"),
    ])
    func writes(milliseconds: Int64, expected: String) {
        #expect(RFC3339.string(milliseconds: milliseconds) == expected)
    }

    @Test func whatIsWrittenIsReadBack() {
        // A prime step visits days of all months and all hours.
        for step in 0..<4000 {
            let milliseconds = Int64(step) * 86_399_999_981 / 7 - 12_345_678_901
            #expect(RFC3339.parse(RFC3339.string(milliseconds: milliseconds).utf8) == milliseconds)
        }
    }

    @Test(arguments: [
        ("2026-01-31", Int64(1_769_817_600_000)), ("2026-01-31T00:00", 1_769_817_600_000), ("2026-01-31T00:00:01Z", 1_769_817_601_000),
        ("2026-01-31 00:00:01", 1_769_817_601_000), ("2026-01-31t00:00:01.5z", 1_769_817_601_500),
        ("2026-01-31T00:00:01.123456Z", 1_769_817_601_123), ("2026-01-31T02:00:00+02:00", 1_769_817_600_000),
        ("2026-01-30T19:00:00-05:00", 1_769_817_600_000),
    ])
    func reads(text: String, milliseconds: Int64) {
        #expect(RFC3339.parse(text.utf8) == milliseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-00", "2026-01-31T", "2026-01-31T24:00", "2026-01-31T00:60",
        "2026-01-31T00:00:00.Z", "2026-01-31T00:00:00+2", "2026-01-31T00:00:00Zx", "2026-01-31x", "yesterday",
    ])
    func refuses(text: String) {
        #expect(RFC3339.parse(text.utf8) == nil)
    }
}

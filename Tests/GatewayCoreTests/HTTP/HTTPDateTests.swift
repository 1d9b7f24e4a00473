import Testing

@testable import GatewayCore

@Suite("IMF-fixdate")
struct HTTPDateTests {
    static func parse(_ text: String) -> Int64? { HTTPDate.parse(Array(text.utf8)[...]) }

    /// Seconds as `date -u -d TEXT +%s` gives them.
    @Test(
        "Known dates",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sun, 30 Aug 2015 12:36:00 GMT", 1_440_938_160), ("Fri, 28 Feb 2025 23:59:59 GMT", 1_740_787_199),
            ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648), ("Sun, 28 Feb 2100 00:00:00 GMT", 4_107_456_000),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] as [(String, Int64)])
    func known(text: String, seconds: Int64) {
        #expect(Self.parse(text) == seconds)
    }

    @Test(
        "Anything else is no date",
        arguments: [
            "", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 19x4 08:49:37 GMT",
            "Sun, -6 Nov 1994 08:49:37 GMT", " Sun, 06 Nov 1994 08:49:37 GM", "Sun, 06 Nov 1994 08:49:37 GMT ", "120",
            "Sun. 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT",
        ])
    func noDate(text: String) {
        #expect(Self.parse(text) == nil)
    }

    @Test("A slice from the middle of a head is read the same")
    func slice() {
        let bytes = Array("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n".utf8)
        #expect(HTTPDate.parse(bytes[13..<42]) == 784_111_777)
    }
}

import GatewayCore
import Testing

@testable import Gateway

@Suite("The Date field")
struct DateTextTests {
    static func text(_ seconds: Int64) -> String { String(decoding: DateText.format(seconds), as: UTF8.self) }

    /// As `date -u -d @SECONDS '+%a, %d %b %Y %H:%M:%S GMT'` gives them.
    @Test(
        "Known moments",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_825_600, "Tue, 29 Feb 2000 12:00:00 GMT"),
            (1_440_938_160, "Sun, 30 Aug 2015 12:36:00 GMT"), (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] as [(Int64, String)])
    func known(seconds: Int64, expected: String) {
        #expect(Self.text(seconds) == expected)
    }

    @Test("What is written is read back, on every day of four years and at odd times")
    func roundTrip() {
        for day in 0..<1461 {
            let seconds = 1_704_067_200 + Int64(day) * 86_400 + Int64(day) * 59 % 86_400
            #expect(HTTPDate.parse(DateText.format(seconds)[...]) == seconds)
        }
    }

    @Test("The text follows the clock, back too")
    func follows() {
        var date = DateText()
        for seconds: Int64 in [10, 10, 11, 10, 0] { #expect(date.at(seconds) == DateText.format(seconds)) }
    }
}

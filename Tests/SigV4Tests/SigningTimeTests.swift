import Foundation
import SigV4
import Testing

@Suite struct SigningTimeTests {
    @Test(arguments: [
        (0, "19700101T000000Z"), (1_440_938_160, "20150830T123600Z"), (951_782_399, "20000228T235959Z"), (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"), (4_107_542_400, "21000301T000000Z"), (253_402_300_799, "99991231T235959Z"),
    ])
    func knownTexts(epochSeconds: Int64, text: String) throws {
        #expect(SigningTime(epochSeconds: epochSeconds).text == text)
        #expect(SigningTime(epochSeconds: epochSeconds).day == String(text.prefix(8)))
        #expect(try #require(SigningTime(text)).epochSeconds == epochSeconds)
    }

    /// Every day from 1970 to 2400, at a second that moves, against the system's calendar.
    @Test func everyDayAgreesWithTheCalendar() throws {
        var moment = 0
        while moment < 13_569_465_600 {
            var seconds = time_t(moment)
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let expected = [
                1900 + Int(parts.tm_year), 1 + Int(parts.tm_mon), Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min),
                Int(parts.tm_sec),
            ].map { $0 < 10 ? "0\($0)" : "\($0)" }
            let text = "\(expected[0])\(expected[1])\(expected[2])T\(expected[3])\(expected[4])\(expected[5])Z"
            let time = SigningTime(epochSeconds: Int64(moment))
            if time.text != text || SigningTime(text) != time { Issue.record("\(moment) is \(text), not \(time.text)") }
            moment += 86_400 + 1
        }
    }

    @Test(arguments: ["2015-08-30T12:36:00Z", "20150830T123600Z"])
    func bothFormsAreRead(text: String) throws {
        #expect(try #require(SigningTime(text)).epochSeconds == 1_440_938_160)
    }

    @Test(arguments: [
        "", "20150830", "20150830T123600", "20150830T123600z", "20150830 123600Z", "20150230T000000Z", "19000101T000000Z",
        "20151301T000000Z",
        "20150800T000000Z", "20150830T240000Z", "20150830T126000Z", "20150830T123660Z", "2015-08-30T12:36:00.5Z",
        "2015-08-30T12:36:00+00:00",
        "2015/08/30T12:36:00Z", "2015083xT123600Z", "21000229T000000Z", "٢٠١٥0830T123600Z",
    ])
    func otherTextsAreRefused(text: String) {
        #expect(SigningTime(text) == nil)
    }

    @Test(arguments: [(Int64.min, "19700101T000000Z"), (-1, "19700101T000000Z"), (Int64.max, "99991231T235959Z")])
    func outOfBoundsBecomesTheNearest(epochSeconds: Int64, text: String) {
        #expect(SigningTime(epochSeconds: epochSeconds).text == text)
    }
}

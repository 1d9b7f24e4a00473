/// The second at which a request is signed, in UTC, and its two texts in a signature: `20150830T123600Z` and `20150830`.
public struct SigningTime: Sendable, Hashable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z. Bounds: 0 (1970) up to 253,402,300,799 (the last second of 9999).
    public let epochSeconds: Int64

    /// Bytes in `20150830T123600Z`.
    public static let byteCount = 16
    private static let last: Int64 = 253_402_300_799

    /// A value out of bounds becomes the nearest lawful one.
    public init(epochSeconds: Int64) {
        self.epochSeconds = min(max(epochSeconds, 0), SigningTime.last)
    }

    /// Reads `20150830T123600Z` (ISO 8601 basic format, as in `X-Amz-Date`) or `2015-08-30T12:36:00Z` (RFC 3339 in UTC, whole
    /// seconds). Nil where it is neither, where the date does not exist, or where it is out of bounds.
    public init?(_ text: String) {
        var digits = Array(text.utf8)
        if digits.count == 20 {
            guard digits[4] == 0x2D, digits[7] == 0x2D, digits[13] == 0x3A, digits[16] == 0x3A else { return nil }
            for index in [16, 13, 7, 4] { digits.remove(at: index) }
        }
        guard digits.count == SigningTime.byteCount, digits[8] == 0x54, digits[15] == 0x5A else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for digit in digits[range] {
                guard digit &- 0x30 < 10 else { return nil }
                value = value * 10 + Int64(digit &- 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15), year >= 1970, 1...12 ~= month,
            1...SigningTime.days(in: month, of: year) ~= day, hour < 24, minute < 60, second < 60
        else { return nil }
        epochSeconds = SigningTime.daysFromCivil(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// `20150830T123600Z`.
    public var text: String {
        String(unsafeUninitializedCapacity: SigningTime.byteCount) { buffer in
            if let start = buffer.baseAddress { write(into: start) }
            return SigningTime.byteCount
        }
    }

    /// `20150830`, the day of a credential scope.
    public var day: String { String(text.prefix(8)) }

    public var description: String { text }

    /// Days since 1970-01-01.
    var dayNumber: Int64 { epochSeconds / 86_400 }

    /// Writes `20150830T123600Z`, 16 bytes.
    func write(into output: UnsafeMutablePointer<UInt8>) {
        let (year, month, day) = SigningTime.civilFromDays(dayNumber)
        let second = epochSeconds % 86_400
        SigningTime.write(year / 100, into: output)
        SigningTime.write(year % 100, into: output + 2)
        SigningTime.write(month, into: output + 4)
        SigningTime.write(day, into: output + 6)
        output[8] = 0x54
        SigningTime.write(second / 3_600, into: output + 9)
        SigningTime.write(second / 60 % 60, into: output + 11)
        SigningTime.write(second % 60, into: output + 13)
        output[15] = 0x5A
    }

    private static func write(_ number: Int64, into output: UnsafeMutablePointer<UInt8>) {
        output[0] = 0x30 &+ UInt8(truncatingIfNeeded: number / 10)
        output[1] = 0x30 &+ UInt8(truncatingIfNeeded: number % 10)
    }

    // The Gregorian calendar repeats every 400 years (146,097 days). Years are counted from March, so that the leap day is the
    // last of its year and the months before it have a length that a straight line gives: 153 days for each five.

    private static func civilFromDays(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468  // days since 0000-03-01
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    private static func daysFromCivil(year: Int64, month: Int64, day: Int64) -> Int64 {
        let fromMarch = month <= 2 ? year - 1 : year
        let yearOfEra = fromMarch % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return fromMarch / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

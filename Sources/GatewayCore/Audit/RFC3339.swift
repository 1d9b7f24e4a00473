/// Times of records: RFC 3339, UTC, three decimals, always 24 bytes (`2026-01-31T23:59:59.250Z`).
///
/// Civil date arithmetic is that of the proleptic Gregorian calendar, counted in eras of 400 years (146,097 days) that begin on
/// 1 March, so that the leap day is the last one of a year.
public enum RFC3339 {
    /// Bytes in a written time.
    public static let byteCount = 24

    /// `milliseconds` since 1970-01-01T00:00:00Z. Bounds: years 0 to 9999; what lies outside is written as the nearest lawful time.
    static func write(milliseconds: Int64, to output: UnsafeMutablePointer<UInt8>) {
        let bounded = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let days = bounded >= 0 ? bounded / 86_400_000 : (bounded - 86_399_999) / 86_400_000
        let inDay = bounded - days * 86_400_000
        let date = civil(fromDays: days)
        digits(date.year, 4, output)
        output[4] = 0x2D
        digits(date.month, 2, output + 5)
        output[7] = 0x2D
        digits(date.day, 2, output + 8)
        output[10] = 0x54
        digits(inDay / 3_600_000, 2, output + 11)
        output[13] = 0x3A
        digits(inDay / 60_000 % 60, 2, output + 14)
        output[16] = 0x3A
        digits(inDay / 1000 % 60, 2, output + 17)
        output[19] = 0x2E
        digits(inDay % 1000, 3, output + 20)
        output[23] = 0x5A
    }

    public static func string(milliseconds: Int64) -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            if let base = buffer.baseAddress { write(milliseconds: milliseconds, to: base) }
            count = byteCount
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a date (`2026-01-31`, midnight UTC) or a time with seconds, decimals and zone left out or not
    /// (`2026-01-31T23:59`, `…:59.25Z`, `…+02:00`; no zone is UTC). Milliseconds since 1970, or nil where the text is neither.
    public static func parse(_ text: some Collection<UInt8>) -> Int64? {
        var reader = DigitReader(bytes: Array(text))
        guard let year = reader.number(4), reader.skip(0x2D), let month = reader.number(2), (1...12).contains(month), reader.skip(0x2D),
            let day = reader.number(2), day >= 1, day <= length(ofMonth: month, year: year)
        else { return nil }
        var milliseconds = days(year: year, month: month, day: day) * 86_400_000
        if reader.isAtEnd { return milliseconds }
        guard reader.skip(0x54) || reader.skip(0x74) || reader.skip(0x20), let hour = reader.number(2), hour < 24, reader.skip(0x3A),
            let minute = reader.number(2), minute < 60
        else { return nil }
        milliseconds += hour * 3_600_000 + minute * 60_000
        if reader.skip(0x3A) {
            guard let second = reader.number(2), second < 61 else { return nil }
            milliseconds += second * 1000
            if reader.skip(0x2E) {
                guard let fraction = reader.thousandths() else { return nil }
                milliseconds += fraction
            }
        }
        if reader.isAtEnd || reader.skip(0x5A) || reader.skip(0x7A) { return reader.isAtEnd ? milliseconds : nil }
        let isEast = reader.skip(0x2B)
        guard isEast || reader.skip(0x2D), let zoneHour = reader.number(2), zoneHour < 24, reader.skip(0x3A),
            let zoneMinute = reader.number(2), zoneMinute < 60, reader.isAtEnd
        else { return nil }
        let zone = zoneHour * 3_600_000 + zoneMinute * 60_000
        return isEast ? milliseconds - zone : milliseconds + zone
    }

    private static func digits(_ value: Int64, _ count: Int, _ output: UnsafeMutablePointer<UInt8>) {
        var rest = value
        var index = count
        while index > 0 {
            index -= 1
            output[index] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Months from March have 31, 30, 31, 30, 31 days again and again: 153 days every five months.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let fromMarch = month <= 2 ? year - 1 : year
        let era = (fromMarch >= 0 ? fromMarch : fromMarch - 399) / 400
        let yearOfEra = fromMarch - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }
}

/// Reads fixed runs of decimal digits.
private struct DigitReader {
    let bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func number(_ count: Int) -> Int64? {
        guard index + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[index..<index + count] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        index += count
        return value
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    /// One to nine decimals, cut to three.
    mutating func thousandths() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while index < bytes.count, (0x30...0x39).contains(bytes[index]), count < 9 {
            if count < 3 { value = value * 10 + Int64(bytes[index] - 0x30) }
            count += 1
            index += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<max(3, count) { value *= 10 }
        return value
    }
}

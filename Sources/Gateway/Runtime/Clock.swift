import Glibc

/// The two clocks of this machine, read at the edge and handed inward as numbers.
enum Clock {
    /// Nanoseconds that never go back: for limits, timeouts and durations.
    static func monotonicNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Milliseconds since 1970: for signatures and records.
    static func wallMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
    }
}

/// The text of the `Date` field, made once a second (RFC 9110 section 5.6.7, IMF-fixdate).
struct DateText {
    private var second: Int64 = .min
    private var text: [UInt8] = []

    mutating func at(_ epochSeconds: Int64) -> [UInt8] {
        if epochSeconds != second {
            second = epochSeconds
            text = DateText.format(epochSeconds)
        }
        return text
    }

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func format(_ epochSeconds: Int64) -> [UInt8] {
        var seconds = time_t(epochSeconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let day = days[Int(((epochSeconds / 86_400) % 7 + 7) % 7)]
        let text =
            "\(day), \(padded(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + parts.tm_year) "
            + "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)) GMT"
        return Array(text.utf8)
    }

    private static func padded(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

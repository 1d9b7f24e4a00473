import GatewayCore

/// `"10/s"`, `"300/m"`, `"100/h"`, `"500/d"`: 1 to 1,000,000 requests in a second, minute, hour or day.
enum RateText {
    private static let periods: [(name: String, word: String, nanoseconds: UInt64)] = [
        ("s", "second", 1_000_000_000), ("m", "minute", 60_000_000_000), ("h", "hour", 3_600_000_000_000), ("d", "day", 86_400_000_000_000),
    ]

    static func parse(_ text: String) throws(ValueProblem) -> Rate {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = UInt64(parts[0]), parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let period = periods.first(where: { $0.name == parts[1] })
        else { throw ValueProblem("is not a rate", "write a count and a period, for example \"10/s\", \"300/m\", \"100/h\" or \"500/d\"") }
        guard (1...1_000_000).contains(count) else { throw ValueProblem("is out of range", "write a count from 1 to 1000000") }
        return Rate(count: count, periodNanoseconds: period.nanoseconds)
    }

    /// `10 per second`
    static func words(_ rate: Rate) -> String {
        let period = periods.first { $0.nanoseconds == rate.periodNanoseconds }?.word
        return "\(rate.count) per \(period ?? DurationText.write(rate.periodNanoseconds, separator: " "))"
    }
}

extension Field {
    func rate() -> Rate? {
        if case .integer(let count) = node.value {
            fail("this is a number, not a rate", "write its period too, in double quotes: \"\(count)/s\" or \"\(count)/m\"")
            return nil
        }
        return parsed(RateText.parse)
    }
}

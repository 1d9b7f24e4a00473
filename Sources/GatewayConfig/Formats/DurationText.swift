/// `"250ms"`, `"2s"`, `"5m"`, `"1h"`, `"7d"`: a whole number and a unit.
enum DurationText {
    static let units: [(name: String, nanoseconds: UInt64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// Nanoseconds.
    static func parse(_ text: String) throws(ValueProblem) -> UInt64 {
        let digits = text.prefix { $0.isASCII && $0.isWholeNumber }
        let unit = text.dropFirst(digits.count)
        guard let number = UInt64(digits), let factor = units.first(where: { $0.name == unit })?.nanoseconds else {
            throw ValueProblem("is not a duration", "write a whole number and a unit, for example \"250ms\", \"2s\", \"5m\" or \"1h\"")
        }
        let product = number.multipliedReportingOverflow(by: factor)
        guard !product.overflow else { throw ValueProblem("is too long", "write a shorter duration") }
        return product.partialValue
    }

    /// The shortest text that reads back as the same duration; below a millisecond it is rounded down.
    static func write(_ nanoseconds: UInt64, separator: String = "") -> String {
        let unit = nanoseconds == 0 ? units[1] : units.last { nanoseconds % $0.nanoseconds == 0 } ?? units[0]
        return "\(nanoseconds / unit.nanoseconds)\(separator)\(unit.name == "m" && !separator.isEmpty ? "min" : unit.name)"
    }
}

extension Field {
    func duration(_ range: ClosedRange<UInt64>) -> UInt64? {
        if case .integer(let count) = node.value {
            fail("this is a number, not a duration", "write its unit too, in double quotes: \"\(count)s\" or \"\(count)ms\"")
            return nil
        }
        return parsed { text throws(ValueProblem) in
            let duration = try DurationText.parse(text)
            guard range.contains(duration) else {
                let bounds = "write \(DurationText.write(range.lowerBound)) to \(DurationText.write(range.upperBound))"
                throw ValueProblem("is out of range", bounds)
            }
            return duration
        }
    }
}

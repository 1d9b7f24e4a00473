/// `"500B"`, `"64kB"`, `"100MB"`, `"1GiB"`: a whole number and a unit, of 1000s (kB, MB, GB, TB) or of 1024s (KiB, MiB, GiB, TiB).
enum SizeText {
    static let units: [(name: String, byteCount: Int)] = [
        ("B", 1), ("kB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000), ("TiB", 1 << 40),
    ]

    /// Bytes.
    static func parse(_ text: String) throws(ValueProblem) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isWholeNumber }
        let unit = text.dropFirst(digits.count)
        guard let number = Int(digits), let factor = units.first(where: { $0.name == unit })?.byteCount else {
            throw ValueProblem("is not a size", "write a whole number and a unit, for example \"64kB\", \"100MB\" or \"1GiB\"")
        }
        let product = number.multipliedReportingOverflow(by: factor)
        guard !product.overflow else { throw ValueProblem("is too large", "write a smaller size") }
        return product.partialValue
    }

    /// The shortest text that reads back as the same size.
    static func write(_ byteCount: Int, separator: String = "") -> String {
        let unit = byteCount == 0 ? units[0] : units.last { byteCount % $0.byteCount == 0 } ?? units[0]
        return "\(byteCount / unit.byteCount)\(separator)\(unit.name)"
    }
}

extension Field {
    func size(_ range: ClosedRange<Int>) -> Int? {
        parsed { text throws(ValueProblem) in
            let size = try SizeText.parse(text)
            guard range.contains(size) else {
                throw ValueProblem("is out of range", "write \(SizeText.write(range.lowerBound)) to \(SizeText.write(range.upperBound))")
            }
            return size
        }
    }
}

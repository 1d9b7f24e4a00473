/// The form of names that an operator chooses. They stand in header fields, metrics and audit records, so they are plain.
enum NameRule {
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    static func problem(_ name: String) -> ValueProblem? {
        let isGood = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte) && name.utf8.first.map(isAlphanumeric) == true
        guard !isGood else { return nil }
        return ValueProblem(
            "\(Shown.quoted(name)) is not a name", "write 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
    }
}

enum Suggestion {
    /// The known word that was probably meant, or nil.
    static func nearest(to word: String, among known: [String]) -> String? {
        guard word.count <= 40 else { return nil }
        let folded = word.lowercased()
        let ranked = known.map { (word: $0, distance: distance(folded, $0.lowercased())) }.min { $0.distance < $1.distance }
        guard let ranked, ranked.distance <= max(1, min(3, folded.count / 3)) else { return nil }
        return ranked.word
    }

    /// Insertions, deletions, replacements and swaps of neighbours (Damerau's distance, restricted form).
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        var rows = [Array(0...right.count)]
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var best = min(rows[row][column + 1] + 1, current[column] + 1, rows[row][column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, rows[row - 1][column - 1] + 1)
                }
                current.append(best)
            }
            rows.append(current)
        }
        return rows[left.count][right.count]
    }
}

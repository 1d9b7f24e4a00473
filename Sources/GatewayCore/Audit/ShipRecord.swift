/// The members of a record that its syslog header repeats, as ranges of its line.
///
/// The writer puts them in one order right behind `seq`, so that nothing has to be searched for. A record that has other members in front
/// (one that is not about a request) simply has fewer of them.
public struct ShipRecord: Sendable, Equatable {
    public let line: AuditLine
    /// JSON text between the quotes, escapes as they stand. Empty where the member is missing.
    public let time: Range<Int>
    public let stage: Range<Int>
    public let id: Range<Int>
    public let instance: Range<Int>

    /// - Parameter bytes: one line without its newline. Nil where it is no record.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard let line = AuditLine(bytes) else { return nil }
        self.line = line
        // Behind `{"v":1,"seq":` and its digits.
        var index = 13
        while index < bytes.count, bytes[index] &- 0x30 < 10 { index += 1 }
        time = ShipRecord.text(",\"time\":\"", in: bytes, at: &index)
        stage = ShipRecord.text(",\"stage\":\"", in: bytes, at: &index)
        id = ShipRecord.text(",\"id\":\"", in: bytes, at: &index)
        instance = ShipRecord.text(",\"instance\":\"", in: bytes, at: &index)
    }

    private static func text(_ opening: StaticString, in bytes: UnsafeRawBufferPointer, at index: inout Int) -> Range<Int> {
        let count = opening.utf8CodeUnitCount
        guard index + count < bytes.count else { return index..<index }
        for offset in 0..<count where bytes[index + offset] != opening.utf8Start[offset] { return index..<index }
        let start = index + count
        var end = start
        while end < bytes.count, bytes[end] != 0x22 { end += bytes[end] == 0x5C ? 2 : 1 }
        guard end < bytes.count else { return index..<index }
        index = end + 1
        return start..<end
    }
}

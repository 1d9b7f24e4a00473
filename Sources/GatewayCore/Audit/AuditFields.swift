/// Finds the members of a JSON object (RFC 8259) without building anything: offsets into the line, for queries over long trails.
struct JSONObjectScanner {
    private let bytes: UnsafeRawBufferPointer
    private var index: Int
    /// Whether what was read so far is an object's grammar.
    private(set) var isWellFormed = true

    /// - Parameter start: offset of the opening brace.
    init(_ bytes: UnsafeRawBufferPointer, at start: Int = 0) {
        self.bytes = bytes
        index = start
        isWellFormed = start < bytes.count && bytes[start] == 0x7B
        index += 1
    }

    /// The next member: its name without quotes and its value with them, where it is a string. Nil at the end, and when it is no object.
    mutating func next() -> (name: Range<Int>, value: Range<Int>)? {
        guard isWellFormed else { return nil }
        if peek == 0x2C { index += 1 }
        guard peek != 0x7D else { return nil }
        let name = string()
        guard isWellFormed, peek == 0x3A else { return fail() }
        index += 1
        let start = index
        skipValue()
        guard isWellFormed, peek == 0x2C || peek == 0x7D else { return fail() }
        return (name.lowerBound + 1..<name.upperBound - 1, start..<index)
    }

    private var peek: UInt8 { index < bytes.count ? bytes[index] : 0 }

    private mutating func fail<T>() -> T? {
        isWellFormed = false
        return nil
    }

    private mutating func string() -> Range<Int> {
        let start = index
        guard peek == 0x22 else {
            isWellFormed = false
            return start..<start + 2
        }
        index += 1
        while index < bytes.count, bytes[index] != 0x22 { index += bytes[index] == 0x5C ? 2 : 1 }
        index += 1
        if index > bytes.count { isWellFormed = false }
        return start..<max(index, start + 2)
    }

    private mutating func skipValue() {
        switch peek {
        case 0x22: _ = string()
        case 0x7B, 0x5B:
            var depth = 0
            repeat {
                switch peek {
                case 0x22: _ = string()
                case 0x7B, 0x5B:
                    depth += 1
                    index += 1
                case 0x7D, 0x5D:
                    depth -= 1
                    index += 1
                default: index += 1
                }
            } while depth > 0 && index < bytes.count && isWellFormed
            if depth > 0 { isWellFormed = false }
        default:
            let start = index
            while index < bytes.count, bytes[index] != 0x2C, bytes[index] != 0x7D { index += 1 }
            if index == start { isWellFormed = false }
        }
    }
}

/// The members of one record that queries look at.
public struct AuditFields: Sendable, Equatable {
    public var sequence: UInt64 = 0
    /// As written: RFC 3339, so that later times are greater.
    public var time = ""
    public var stage = ""
    public var id = ""
    public var caller = ""
    public var source = ""
    public var operation = ""
    /// The values of the parameters as JSON, quotes included.
    public var subjects: [String] = []
    public var status = 0
    public var state = ""
    public var cause = ""
    public var reason = ""
    public var wouldRefuse = ""
    public var errorType = ""
    public var restorableUntil = ""

    /// - Parameter line: one record without its newline. Nil where it is no object with a `stage`.
    public init?(_ line: UnsafeRawBufferPointer) {
        var scanner = JSONObjectScanner(line)
        while let (name, value) = scanner.next() {
            switch AuditFields.text(line, name) {
            case "seq": sequence = UInt64(AuditFields.text(line, value)) ?? 0
            case "time": time = AuditFields.string(line, value)
            case "stage": stage = AuditFields.string(line, value)
            case "id": id = AuditFields.string(line, value)
            case "source": source = AuditFields.string(line, value)
            case "operation": operation = AuditFields.string(line, value)
            case "status": status = Int(AuditFields.text(line, value)) ?? 0
            case "errorType": errorType = AuditFields.string(line, value)
            case "restorableUntil": restorableUntil = AuditFields.string(line, value)
            case "caller": caller = AuditFields.member("name", line, value)
            case "decision":
                state = AuditFields.member("state", line, value)
                cause = AuditFields.member("cause", line, value)
                reason = AuditFields.member("reason", line, value)
                wouldRefuse = AuditFields.member("wouldRefuse", line, value)
            case "subject":
                var inner = JSONObjectScanner(line, at: value.lowerBound)
                while let (_, subject) = inner.next() { subjects.append(AuditFields.text(line, subject)) }
            default: break
            }
        }
        guard scanner.isWellFormed, !stage.isEmpty else { return nil }
    }

    private static func member(_ wanted: String, _ line: UnsafeRawBufferPointer, _ object: Range<Int>) -> String {
        var scanner = JSONObjectScanner(line, at: object.lowerBound)
        while let (name, value) = scanner.next() {
            if text(line, name) == wanted { return string(line, value) }
        }
        return ""
    }

    private static func text(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: line[range]), as: UTF8.self)
    }

    /// What stands between the quotes, escapes as they are (safe to show on a terminal); empty for null.
    private static func string(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        guard range.count >= 2, line[range.lowerBound] == 0x22 else { return "" }
        return text(line, range.lowerBound + 1..<range.upperBound - 1)
    }
}

extension AuditFields {
    /// `text` as it stands between the quotes of a record, and so in `caller` or `operation`.
    public static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        let value = Array(text.utf8)
        JSONCursor.append(to: &bytes, expecting: 16 + value.count) { $0.string(value) }
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }
}

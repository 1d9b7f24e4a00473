/// Writes JSON (RFC 8259) into memory that is already there, so that a record costs no allocation and no String.
///
/// It never writes past its end: what does not fit is left out and `hasOverflowed` says so; the owner then offers more room.
struct JSONCursor {
    private var next: UnsafeMutablePointer<UInt8>
    private var room: Int
    private(set) var hasOverflowed = false

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>, start: UnsafeMutablePointer<UInt8>) {
        next = start
        room = buffer.count
    }

    var remaining: Int { room }

    /// Where the next byte goes. Meaningless once `hasOverflowed`.
    var position: UnsafeMutablePointer<UInt8> { next }

    /// Room for `count` bytes that the caller then fills, or nil where there is not so much left.
    mutating func take(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
        guard count <= room else {
            hasOverflowed = true
            room = 0
            return nil
        }
        let start = next
        next += count
        room -= count
        return start
    }

    /// Bytes that are JSON already.
    mutating func raw(_ text: StaticString) {
        guard let start = take(text.utf8CodeUnitCount) else { return }
        start.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Bytes that are JSON already.
    mutating func raw(_ bytes: [UInt8]) {
        guard let start = take(bytes.count) else { return }
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { start.update(from: base, count: source.count) }
        }
    }

    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        guard let start = take(bytes.count), let base = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(start).copyMemory(from: base, byteCount: bytes.count)
    }

    private mutating func byte(_ value: UInt8) {
        guard let start = take(1) else { return }
        start.pointee = value
    }

    mutating func integer(_ value: Int64) {
        if value < 0 { byte(0x2D) }
        var magnitude = value.magnitude
        var count = 1
        var bound: UInt64 = 10
        while magnitude >= bound, count < 19 {
            count += 1
            bound &*= 10
        }
        guard let start = take(count) else { return }
        var index = count
        while index > 0 {
            index -= 1
            start[index] = 0x30 + UInt8(truncatingIfNeeded: magnitude % 10)
            magnitude /= 10
        }
    }

    /// Microseconds as milliseconds with three decimals: 1234 is `1.234`. Negative values are written as 0.
    mutating func milliseconds(fromMicroseconds value: Int64) {
        let positive = max(0, value)
        integer(positive / 1000)
        let rest = positive % 1000
        if rest != 0 {
            byte(0x2E)
            byte(0x30 + UInt8(truncatingIfNeeded: rest / 100))
            byte(0x30 + UInt8(truncatingIfNeeded: rest / 10 % 10))
            byte(0x30 + UInt8(truncatingIfNeeded: rest % 10))
        }
    }

    /// A quoted RFC 3339 time, 26 bytes.
    mutating func time(milliseconds: Int64) {
        guard let start = take(26) else { return }
        start[0] = 0x22
        RFC3339.write(milliseconds: milliseconds, to: start + 1)
        start[25] = 0x22
    }

    mutating func string(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { string($0) }
    }

    mutating func string(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { string($0) }
    }

    /// A quoted string of any bytes.
    mutating func string(_ bytes: UnsafeRawBufferPointer) {
        byte(0x22)
        characters(bytes)
        byte(0x22)
    }

    /// The inside of a string. Quotes, backslashes and controls (DEL too, for the sake of terminals) are escaped; bytes that are
    /// no UTF-8 (RFC 3629) become U+FFFD. What is longer than `JSONCursor.longestString` bytes ends in U+2026.
    mutating func characters(_ bytes: UnsafeRawBufferPointer) {
        let isCut = bytes.count > JSONCursor.longestString
        let end = isCut ? JSONCursor.longestString : bytes.count
        var index = plainPrefix(bytes, end)
        while index < end {
            let value = bytes[index]
            if value < 0x80 {
                ascii(value)
                index += 1
            } else if let length = JSONCursor.sequenceLength(bytes, at: index, end: end) {
                raw(UnsafeRawBufferPointer(rebasing: bytes[index..<index + length]))
                index += length
            } else {
                raw("\u{FFFD}")
                index += 1
            }
        }
        if isCut { raw("\u{2026}") }
    }

    /// Copies what needs no escape up to the first byte that does, which is all of nearly every string. How many bytes that were.
    private mutating func plainPrefix(_ bytes: UnsafeRawBufferPointer, _ end: Int) -> Int {
        guard end <= room else { return 0 }
        let start = next
        var index = 0
        while index < end {
            let value = bytes[index]
            guard JSONCursor.isPlain(value) else { break }
            start[index] = value
            index &+= 1
        }
        next += index
        room -= index
        return index
    }

    @inline(__always)
    private static func isPlain(_ value: UInt8) -> Bool {
        value &- 0x20 < 0x5F && value != 0x22 && value != 0x5C
    }

    @inline(__always)
    private mutating func ascii(_ value: UInt8) {
        if JSONCursor.isPlain(value) { return byte(value) }
        switch value {
        case 0x22: raw("\\\"")
        case 0x5C: raw("\\\\")
        case 0x0A: raw("\\n")
        case 0x0D: raw("\\r")
        case 0x09: raw("\\t")
        default:
            raw("\\u00")
            byte(JSONCursor.digit(value >> 4))
            byte(JSONCursor.digit(value & 0xF))
        }
    }

    /// Longest string written, in bytes of input; bounds a record at about 8 KiB for honest requests.
    static let longestString = 4096

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// How many bytes the well-formed UTF-8 sequence at `index` has (RFC 3629 section 4), or nil where there is none.
    private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int, end: Int) -> Int? {
        let first = bytes[index]
        let length: Int
        let second: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE, 0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard index + length <= end, second.contains(bytes[index + 1]) else { return nil }
        for offset in 2..<max(2, length) where bytes[index + offset] & 0xC0 != 0x80 { return nil }
        return length
    }
}

extension JSONCursor {
    /// Appends what `write` writes to `bytes`, making room as needed. Runs `write` again where the first room was too small.
    @inline(__always)
    static func append(to bytes: inout [UInt8], expecting estimate: Int, _ write: (inout JSONCursor) -> Void) {
        var capacity = max(64, estimate)
        var isDone = false
        while !isDone {
            // Growth is geometric: asking for exactly what is needed each time would copy a filling batch again and again.
            if bytes.capacity - bytes.count < capacity { bytes.reserveCapacity(max(bytes.count + capacity, 2 * bytes.capacity)) }
            bytes.append(addingCapacity: capacity) { span in
                span.withUnsafeMutableBufferPointer { buffer, count in
                    guard let base = buffer.baseAddress else { return }
                    let free = UnsafeMutableBufferPointer(rebasing: buffer[count...])
                    var cursor = JSONCursor(free, start: base + count)
                    write(&cursor)
                    if !cursor.hasOverflowed {
                        count += free.count - cursor.remaining
                        isDone = true
                    }
                }
            }
            capacity *= 2
        }
    }
}

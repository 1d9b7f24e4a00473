import GatewayCore

/// The sets of ASCII bytes that tokens are made of. One load tells a byte's sets.
struct ByteSet: Sendable {
    private let mask: UInt8

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool { ByteSet.classes.utf8Start[Int(byte)] & mask != 0 }

    @inline(__always)
    func containsAll(of bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        for index in range where !contains(bytes[index]) { return false }
        return true
    }

    /// `tchar` (RFC 9110 section 5.6.2).
    static let token = ByteSet(mask: 1)
    /// What path and query of an origin-form target may hold (RFC 3986 section 3.3 and 3.4): pchar, "/", "?". Whether "%" is followed
    /// by two digits is left to the route, which can name the parameter that is wrong.
    static let target = ByteSet(mask: 2)
    /// `reg-name` and IPv4 addresses (RFC 3986 section 3.2.2).
    static let registeredName = ByteSet(mask: 4)

    /// One digit a byte from 0x00 to 0xFF: the sum of the masks of its sets. A literal, so that it is constant data and reading it costs
    /// neither an initialisation check nor a bounds check; every `UInt8` has its digit. The tests spell out what it holds.
    static let classes: StaticString = """
        0000000000000000000000000000000007017777667767727777777777260602\
        2777777777777777777777777770001717777777777777777777777777701070\
        0000000000000000000000000000000000000000000000000000000000000000\
        0000000000000000000000000000000000000000000000000000000000000000
        """
}

/// Bytes that the grammar names often.
enum Byte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let quote: UInt8 = 0x22
    static let numberSign: UInt8 = 0x23
    static let comma: UInt8 = 0x2C
    static let dot: UInt8 = 0x2E
    static let slash: UInt8 = 0x2F
    static let zero: UInt8 = 0x30
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let equals: UInt8 = 0x3D
    static let questionMark: UInt8 = 0x3F
    static let backslash: UInt8 = 0x5C

    @inline(__always) static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }
    @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- zero < 10 }

    /// HTAB, SP, VCHAR and obs-text: what a field value or a reason phrase may hold (RFC 9110 section 5.5).
    @inline(__always) static func isText(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == tab }

    /// Whether every byte of the range is text; eight at a time, because values are most of a head.
    @inline(__always)
    static func areText(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = start
        guard end &- start >= 8 else {
            while index < end {
                if !isText(bytes[index]) { return false }
                index &+= 1
            }
            return true
        }
        while index < end {
            // The last eight overlap those before them.
            index = min(index, end &- 8)
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let controls = (word &- (ones &* 0x20)) & ~word
            let deletes = ((word ^ (ones &* 0x7F)) &- ones) & ~(word ^ (ones &* 0x7F))
            if (controls | deletes) & (ones &* 0x80) != 0 {
                // A tab is lawful and looks like a control here, so the eight are looked at one by one.
                for position in index..<(index &+ 8) where !isText(bytes[position]) { return false }
            }
            index &+= 8
        }
        return true
    }
}

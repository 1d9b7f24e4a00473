/// Byte classes and comparisons of the HTTP grammar (RFC 9110 section 5.6, RFC 5234 appendix B). No Foundation, no locale.
public enum ASCII {
    /// Whether `bytes` equal `lowercase` when A-Z are folded to a-z. `lowercase` must hold no capital.
    @inline(__always)
    public static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        // Length and first byte tell most pairs apart, where the caller stands.
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        guard let first = bytes.first else { return true }
        return lowercased(first) == lowercase.utf8Start[0] && equalsIgnoringCase(bytes, UnsafeRawPointer(lowercase.utf8Start))
    }

    /// The same for `bytes.count` bytes at `lowercase`.
    @usableFromInline
    static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: UnsafeRawPointer) -> Bool {
        guard bytes.count >= 8 else {
            for index in 0..<bytes.count where lowercased(bytes[index]) != lowercase.load(fromByteOffset: index, as: UInt8.self) {
                return false
            }
            return true
        }
        var index = 0
        while index < bytes.count {
            // The last eight overlap those before them.
            index = min(index, bytes.count &- 8)
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if lowercased(word) != lowercase.loadUnaligned(fromByteOffset: index, as: UInt64.self) { return false }
            index &+= 8
        }
        return true
    }

    /// Whether two byte runs are equal when A-Z are folded to a-z.
    public static func equalIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where lowercased(left[index]) != lowercased(right[index]) { return false }
        return true
    }

    @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Eight bytes at once. A byte's high bit is set in `fromA` when its low seven bits are "A" or more, in `aboveZ` when they are above "Z".
    private static func lowercased(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let low = word & (ones &* 0x7F)
        let fromA = low &+ (ones &* (0x80 - 0x41))
        let aboveZ = low &+ (ones &* (0x7F - 0x5A))
        let capitals = fromA & ~aboveZ & ~word & (ones &* 0x80)
        return word | capitals >> 2
    }

    /// `tchar` of RFC 9110 section 5.6.2: what a method or a field name is made of.
    public static func isToken(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? tokenLow >> UInt64(byte) : tokenHigh >> UInt64(byte &- 64)) & 1 == 1
    }

    /// The value of a hexadecimal digit of either case, or nil.
    public static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte &- 0x30
        case 0x41...0x46: byte &- 0x41 &+ 10
        case 0x61...0x66: byte &- 0x61 &+ 10
        default: nil
        }
    }

    // The masks are literals so that they are constants: computed ones would cost an initialisation check at every byte.
    /// `!#$%&'*+-.` and the digits, by their codes.
    private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    /// The letters and `^_`, the grave accent, `|~`, by their codes less 64.
    private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE
}

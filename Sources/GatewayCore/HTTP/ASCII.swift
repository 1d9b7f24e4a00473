/// Byte classes and comparisons of the HTTP grammar (RFC 9110 section 5.6, RFC 5234 appendix B). No Foundation, no locale.
public enum ASCII {
    /// Whether `bytes` equal `lowercase` when A-Z are folded to a-z. `lowercase` must hold no capital.
    public static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        let expected = lowercase.utf8Start
        for index in 0..<bytes.count where lowercased(bytes[index]) != expected[index] { return false }
        return true
    }

    /// Whether two byte runs are equal when A-Z are folded to a-z.
    public static func equalIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where lowercased(left[index]) != lowercased(right[index]) { return false }
        return true
    }

    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
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

    private static let tokenLow: UInt64 = mask(of: "!#$%&'*+-.0123456789", from: 0)
    private static let tokenHigh: UInt64 = mask(of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~", from: 64)

    private static func mask(of characters: StaticString, from base: UInt8) -> UInt64 {
        var mask: UInt64 = 0
        for index in 0..<characters.utf8CodeUnitCount { mask |= 1 << UInt64(characters.utf8Start[index] - base) }
        return mask
    }
}

/// Makes the `countersign-id` of each exchange: a UUID of version 7 (RFC 9562 section 5.7), so that ids sort by time and look like the request
/// ids that AWS services hand out.
///
/// One source per event loop, seeded by the kernel; unique, not secret.
struct ExchangeIDSource {
    private var state: (UInt64, UInt64)

    init() {
        var generator = SystemRandomNumberGenerator()
        state = (generator.next(), generator.next() | 1)
    }

    mutating func next(wallMilliseconds: Int64) -> [UInt8] {
        let random = next()
        let high = UInt64(bitPattern: wallMilliseconds) << 16 | 0x7000 | next() & 0xFFF
        let low = random >> 2 | 0x8000_0000_0000_0000
        // On the stack first: the standard library has a fast way to copy bytes into an array, but none to make one without them.
        return withUnsafeTemporaryAllocation(byteCount: 36, alignment: 1) { bytes in
            // 8-4-4-4-12 digits.
            let first = Self.hexadecimal(UInt32(truncatingIfNeeded: high >> 32))
            let second = Self.hexadecimal(UInt32(truncatingIfNeeded: high))
            let third = Self.hexadecimal(UInt32(truncatingIfNeeded: low >> 32))
            let fourth = Self.hexadecimal(UInt32(truncatingIfNeeded: low))
            bytes.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: second), toByteOffset: 9, as: UInt32.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: 14, as: UInt32.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: third), toByteOffset: 19, as: UInt32.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: 24, as: UInt32.self)
            bytes.storeBytes(of: fourth, toByteOffset: 28, as: UInt64.self)
            bytes[8] = UInt8(ascii: "-")
            bytes[13] = UInt8(ascii: "-")
            bytes[18] = UInt8(ascii: "-")
            bytes[23] = UInt8(ascii: "-")
            return Array(bytes)
        }
    }

    /// The eight lower-case digits of a word, the first in the lowest byte.
    private static func hexadecimal(_ word: UInt32) -> UInt64 {
        // Each nibble into a byte of its own, the highest first in memory.
        var digits = UInt64(word.byteSwapped)
        digits = (digits & 0xFFFF_0000) << 16 | digits & 0xFFFF
        digits = (digits & 0x0000_FF00_0000_FF00) << 8 | digits & 0x0000_00FF_0000_00FF
        digits = (digits & 0x00F0_00F0_00F0_00F0) >> 4 | (digits & 0x000F_000F_000F_000F) << 8
        // A nibble above 9 carries into bit 4 when 6 is added, and its digit is 0x27 further on.
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    /// xoroshiro128+ (Blackman and Vigna, 2018).
    private mutating func next() -> UInt64 {
        let (first, second) = state
        let mixed = second ^ first
        state.0 = (first << 24 | first >> 40) ^ mixed ^ mixed << 16
        state.1 = mixed << 37 | mixed >> 27
        return first &+ second
    }
}

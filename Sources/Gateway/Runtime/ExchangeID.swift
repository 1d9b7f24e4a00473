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
        return [UInt8](unsafeUninitializedCapacity: 36) { buffer, count in
            var position = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = index < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index & 15))) & 15
                buffer[position] = nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10
                position += 1
            }
            count = 36
        }
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

/// An IPv4 or IPv6 address as a number. IPv4 is held as its IPv4-mapped IPv6 form (RFC 4291 section 2.5.5.2), so that a peer
/// on a dual-stack socket and the same peer on an IPv4 socket are one.
public struct IPAddress: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `value` in host order: 127.0.0.1 is 0x7F000001.
    public init(v4 value: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(value))
    }

    public var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        isV4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1
    }
}

/// A CIDR block (RFC 4632).
public struct NetworkPrefix: Sendable, Hashable {
    public var address: IPAddress
    /// 0 to 128, counted in the IPv6 form: 10.0.0.0/8 has length 104.
    public var length: Int

    public init(address: IPAddress, length: Int) {
        self.address = address
        self.length = length
    }

    public func contains(_ other: IPAddress) -> Bool {
        let highBits = min(length, 64)
        let lowBits = length - highBits
        let highMask: UInt64 = highBits == 0 ? 0 : ~0 << UInt64(64 - highBits)
        let lowMask: UInt64 = lowBits == 0 ? 0 : ~0 << UInt64(64 - lowBits)
        return (address.high ^ other.high) & highMask == 0 && (address.low ^ other.low) & lowMask == 0
    }
}

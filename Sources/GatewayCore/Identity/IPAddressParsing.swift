extension IPAddress: CustomStringConvertible {
    /// Reads dotted IPv4 (four decimal numbers without leading zeros) or IPv6 text (RFC 4291 section 2.2: `::`, IPv4 tail);
    /// nil for anything else, zone identifiers, brackets and ports included.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.contains(0x3A) {
            guard let groups = Self.groups(bytes[...]) else { return nil }
            self.init(
                high: UInt64(groups[0]) << 48 | UInt64(groups[1]) << 32 | UInt64(groups[2]) << 16 | UInt64(groups[3]),
                low: UInt64(groups[4]) << 48 | UInt64(groups[5]) << 32 | UInt64(groups[6]) << 16 | UInt64(groups[7]))
        } else {
            guard let value = Self.dotted(bytes[...]) else { return nil }
            self.init(v4: value)
        }
    }

    /// The canonical text: dotted for IPv4 (mapped addresses too), RFC 5952 for IPv6.
    public var description: String {
        guard !isV4 else { return [24, 16, 8, 0].map { String((low >> UInt64($0)) & 0xFF) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64((3 - $0 % 4) * 16)) }
        let zeros = Self.longestZeroRun(groups)
        func text(_ range: Range<Int>) -> String { groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        return zeros.count < 2 ? text(0..<8) : text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
    }

    private static func dotted(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != 0x30 else { return nil }
            var number: UInt32 = 0
            for byte in part {
                guard (0x30...0x39).contains(byte) else { return nil }
                number = number * 10 + UInt32(byte - 0x30)
            }
            guard number <= 255 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    /// The eight 16-bit groups. One `::` stands for at least one group of zeros (RFC 5952 section 4.2.2 would not write it
    /// for a single one, but RFC 4291 lets it stand).
    private static func groups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        guard let gap = bytes.indices.dropLast().first(where: { bytes[$0] == 0x3A && bytes[$0 + 1] == 0x3A }) else {
            guard let all = run(bytes, mayEndDotted: true), all.count == 8 else { return nil }
            return all
        }
        guard let left = gap == bytes.startIndex ? [] : run(bytes[..<gap], mayEndDotted: false) else { return nil }
        let rest = bytes[(gap + 2)...]
        guard let right = rest.isEmpty ? [] : run(rest, mayEndDotted: true), left.count + right.count < 8 else { return nil }
        return left + Array(repeating: 0, count: 8 - left.count - right.count) + right
    }

    /// Groups between colons; the last may be four decimal numbers, which make two groups.
    private static func run(_ bytes: ArraySlice<UInt8>, mayEndDotted: Bool) -> [UInt16]? {
        let parts = bytes.split(separator: 0x3A, omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if part.contains(0x2E) {
                guard mayEndDotted, index == parts.count - 1, let value = dotted(part) else { return nil }
                groups += [UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value)]
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for byte in part {
                guard let digit = ASCII.hexValue(byte) else { return nil }
                group = group << 4 | UInt16(digit)
            }
            groups.append(group)
        }
        return groups
    }

    /// The first of the longest runs (RFC 5952 section 4.2.3).
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 { continue }
            if index - start > longest.count { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}

/// Why a text is no CIDR block.
public enum NetworkPrefixError: Error, Sendable, Equatable {
    /// What stands before the slash is neither IPv4 nor IPv6.
    case notAnAddress
    /// No slash and length; holds the network of this one address.
    case lengthMissing(single: NetworkPrefix)
    /// Not a decimal number from 0 to `maximum` (32 or 128).
    case lengthOutOfRange(maximum: Int)
    /// Bits after the length are set; holds the network that the address lies in.
    case hostBitsSet(network: NetworkPrefix)
}

extension NetworkPrefix: CustomStringConvertible {
    /// Reads CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3) with no bit set after the length: `10.0.0.0/8`, `fd00::/8`.
    public init(cidr text: String) throws(NetworkPrefixError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { throw .notAnAddress }
        let isDotted = !parts[0].contains(":")
        guard parts.count == 2 else { throw .lengthMissing(single: NetworkPrefix(address: address, length: 128)) }
        let maximum = isDotted ? 32 : 128
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }), digits.count == 1 || digits.first != 0x30,
            let length = Int(parts[1]), length <= maximum
        else { throw .lengthOutOfRange(maximum: maximum) }
        self.init(address: address, length: isDotted ? length + 96 : length)
        let network = masked
        guard network == self else { throw .hostBitsSet(network: network) }
    }

    /// The same block with every bit after the length cleared.
    public var masked: NetworkPrefix {
        let highBits = min(length, 64)
        let lowBits = length - highBits
        return NetworkPrefix(
            address: IPAddress(
                high: address.high & (highBits == 0 ? 0 : ~0 << UInt64(64 - highBits)),
                low: address.low & (lowBits == 0 ? 0 : ~0 << UInt64(64 - lowBits))),
            length: length)
    }

    public var description: String { "\(address)/\(address.isV4 && length >= 96 ? length - 96 : length)" }
}

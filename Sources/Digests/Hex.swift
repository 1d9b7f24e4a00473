/// Base 16 (RFC 4648 section 8), written in lower case and read in either.
public enum Hex {
    /// Writes two digits for each byte to `output`, which must have room for `2 * bytes.count` and must not overlap `bytes`.
    public static func encode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) {
        for index in 0..<bytes.count {
            let byte = bytes[index]
            output.storeBytes(of: digit(byte >> 4), toByteOffset: 2 &* index, as: UInt8.self)
            output.storeBytes(of: digit(byte & 0xF), toByteOffset: 2 &* index &+ 1, as: UInt8.self)
        }
    }

    /// Appends two digits for each byte.
    public static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + 2 * bytes.count)
        for byte in bytes {
            output.append(digit(byte >> 4))
            output.append(digit(byte & 0xF))
        }
    }

    /// Two digits for each byte.
    public static func string(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            digits.append(digit(byte >> 4))
            digits.append(digit(byte & 0xF))
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The bytes that `digits` stand for, or nil where the number of digits is odd or one of them is no hexadecimal digit.
    public static func decode(_ digits: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in digits {
            guard let value = value(of: character) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }

    /// The bytes that `text` stands for; nil as above.
    public static func decode(_ text: String) -> [UInt8]? { decode(text.utf8) }

    /// 0...15 to `0`...`f`, without a branch or a table.
    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 {
        // 0x30 is "0"; 0x27 more leads from past "9" to "a". The subtraction wraps to a value with the top bit set below 10.
        value &+ 0x30 &+ (0x27 & ~(0 &- ((value &- 10) >> 7)))
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character &- 0x30
        case 0x41...0x46: character &- 0x41 &+ 10
        case 0x61...0x66: character &- 0x61 &+ 10
        default: nil
        }
    }
}

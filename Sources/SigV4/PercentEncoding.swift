/// Percent-encoding as Signature Version 4 wants it (AWS "Create a signed AWS API request", UriEncode): everything but the
/// unreserved characters of RFC 3986 section 2.3, in upper-case hex.
enum PercentEncoding {
    /// Room for the encoded form of `count` bytes, at most.
    static func capacity(for count: Int) -> Int { 3 * count }

    /// Writes the encoded form to `output` and returns its length. `/` is kept where `keepsSlash`.
    static func encode(_ bytes: UnsafeRawBufferPointer, keepsSlash: Bool, into output: UnsafeMutablePointer<UInt8>) -> Int {
        let low = keepsSlash ? unreservedLow | 1 << 0x2F : unreservedLow
        var end = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            let half = byte < 64 ? low : byte < 128 ? unreservedHigh : 0
            if half &>> UInt64(byte) & 1 == 1 {  // `&>>` counts modulo 64
                output[end] = byte
                end &+= 1
            } else {
                output[end] = 0x25
                output[end &+ 1] = upperHex(byte >> 4)
                output[end &+ 2] = upperHex(byte & 0xF)
                end &+= 3
            }
        }
        return end
    }

    static func encode(_ bytes: [UInt8], keepsSlash: Bool) -> [UInt8] {
        // An empty array's storage is shared by all threads, and the initialiser below would write its count.
        guard !bytes.isEmpty else { return [] }
        return [UInt8](unsafeUninitializedCapacity: capacity(for: bytes.count)) { buffer, count in
            guard let output = buffer.baseAddress else { return }
            count = bytes.withUnsafeBytes { encode($0, keepsSlash: keepsSlash, into: output) }
        }
    }

    /// Decodes once. A `%` that no two hexadecimal digits follow stays as it is; `+` is a plus.
    static func decode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            if byte == 0x25 {
                let digits = bytes[index...].prefix(2)
                if digits.count == 2, let first = digits.first.flatMap(hexValue), let second = digits.dropFirst().first.flatMap(hexValue) {
                    decoded.append(first << 4 | second)
                    bytes.formIndex(&index, offsetBy: 2)
                    continue
                }
            }
            decoded.append(byte)
        }
        return decoded
    }

    // One bit a character: `-.0123456789` below 64, letters and `_~` from 64 on.
    private static let unreservedLow: UInt64 = 0x03FF_6000_0000_0000
    private static let unreservedHigh: UInt64 = 0x47FF_FFFE_87FF_FFFE

    @inline(__always)
    private static func upperHex(_ value: UInt8) -> UInt8 { value < 10 ? value &+ 0x30 : value &+ 0x37 }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte &- 0x30
        case 0x41...0x46: byte &- 0x41 &+ 10
        case 0x61...0x66: byte &- 0x61 &+ 10
        default: nil
        }
    }
}

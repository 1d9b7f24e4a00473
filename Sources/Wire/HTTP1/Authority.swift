import GatewayCore

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2). The gateway routes by nothing in it; it is checked because parsers that disagree about
/// the host are how requests are smuggled.
enum Authority {
    /// Whether the bytes are a host that is not empty, and a port of at most five digits if there is a colon.
    static func isValid(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        var end = first
        if bytes[first] == UInt8(ascii: "[") {
            guard let bracket = range.first(where: { bytes[$0] == UInt8(ascii: "]") }), bracket > first + 2 else { return false }
            for index in (first + 1)..<bracket where !isAddressByte(bytes[index]) { return false }
            end = bracket + 1
        } else {
            while end < range.upperBound, ByteSet.registeredName.contains(bytes[end]) {
                if bytes[end] == UInt8(ascii: "%") {
                    guard end + 2 < range.upperBound, ASCII.hexValue(bytes[end + 1]) != nil, ASCII.hexValue(bytes[end + 2]) != nil else {
                        return false
                    }
                }
                end += 1
            }
            guard end > first else { return false }
        }
        guard end < range.upperBound else { return true }
        let port = (end + 1)..<range.upperBound
        guard bytes[end] == Byte.colon, port.count <= 5 else { return false }
        for index in port where !Byte.isDigit(bytes[index]) { return false }
        return true
    }

    /// Hexadecimal digits, colons and dots: IPv6 addresses, also with an IPv4 tail (RFC 3986 section 3.2.2). No zone, no future version.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        ASCII.hexValue(byte) != nil || byte == Byte.colon || byte == Byte.dot
    }
}

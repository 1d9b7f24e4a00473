import Testing

@testable import GatewayCore

@Suite("Byte classes and comparisons")
struct ASCIITests {
    @Test("tchar is what RFC 9110 section 5.6.2 lists")
    func tokenBytes() {
        let listed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max { #expect(ASCII.isToken(byte) == listed.contains(byte), "byte \(byte)") }
    }

    @Test("Hexadecimal digits of both cases, and nothing else")
    func hexDigits() {
        for byte in UInt8.min...UInt8.max {
            let expected = byte < 0x80 ? UInt8(String(UnicodeScalar(byte)), radix: 16) : nil
            // `UInt8("+", radix:)` is nil, too.
            #expect(ASCII.hexValue(byte) == expected, "byte \(byte)")
        }
    }

    @Test("Only A-Z fold, at every length and place")
    func folding() {
        let lowercase: StaticString = "abcdefghijklmnopqrstuvwxyz-0123456789"
        let plain = Array("abcdefghijklmnopqrstuvwxyz-0123456789".utf8)
        #expect(plain.withUnsafeBytes { ASCII.equalsIgnoringCase($0, lowercase) })
        for place in plain.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = plain
                changed[place] = byte
                let isSame = byte == plain[place] || (0x41...0x5A).contains(byte) && byte + 0x20 == plain[place]
                #expect(changed.withUnsafeBytes { ASCII.equalsIgnoringCase($0, lowercase) } == isSame, "byte \(byte) at \(place)")
            }
        }
    }

    @Test(
        "Short names",
        arguments: [("", "", true), ("A", "a", true), ("TE", "te", true), ("t", "te", false), ("te ", "te", false), ("@", "`", false)])
    func shortNames(left: String, right: String, isSame: Bool) {
        let leftBytes = Array(left.utf8)
        let rightBytes = Array(right.utf8)
        #expect(leftBytes.withUnsafeBytes { left in rightBytes.withUnsafeBytes { ASCII.equalIgnoringCase(left, $0) } } == isSame)
    }

    @Test("Both sides may hold capitals")
    func bothSides() {
        let left = Array("Content-TYPE".utf8)
        let right = Array("cONTENT-type".utf8)
        #expect(left.withUnsafeBytes { left in right.withUnsafeBytes { ASCII.equalIgnoringCase(left, $0) } })
    }
}

import Digests
import Testing

@Suite struct HexTests {
    @Test func everyByteGoesThereAndBack() {
        let bytes = (0...255).map { UInt8($0) }
        var digits = [UInt8](repeating: 0, count: 512)
        bytes.withUnsafeBytes { input in digits.withUnsafeMutableBytes { Hex.encode(input, into: $0.baseAddress!) } }
        for (index, byte) in bytes.enumerated() {
            let pair = String(decoding: digits[(2 * index)...(2 * index + 1)], as: UTF8.self)
            #expect(pair == (byte < 16 ? "0" : "") + String(byte, radix: 16))
        }
        #expect(Hex.decode(digits) == bytes)
        #expect(Hex.decode(String(decoding: digits, as: UTF8.self).uppercased()) == bytes)
        #expect(Hex.string(bytes) == String(decoding: digits, as: UTF8.self))
        var appended: [UInt8] = [0x2E]
        bytes.withUnsafeBytes { Hex.append($0, to: &appended) }
        #expect(appended == [0x2E] + digits)
    }

    @Test(arguments: ["0", "abc", "0g", "g0", " 00", "00 ", "0x00", "é0", "0:"])
    func whatIsNoHexIsRefused(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func emptyIsLawful() {
        #expect(Hex.decode("") == [])
        #expect(Hex.string([]) == "")
    }
}

@Suite struct ConstantTimeTests {
    @Test(arguments: [
        ("", "", true), ("a", "a", true), ("a", "b", false), ("a", "", false), ("", "a", false), ("ab", "abc", false),
        ("abc", "abd", false),
        ("abc", "abc", true), ("xbc", "abc", false),
    ])
    func comparesWholeRuns(left: String, right: String, equal: Bool) {
        #expect(ConstantTime.equal(Array(left.utf8), Array(right.utf8)) == equal)
    }
}

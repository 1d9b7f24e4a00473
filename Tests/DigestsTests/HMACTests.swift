import Digests
import Testing

/// The test cases of RFC 4231 section 4, without case 5 (a truncated code).
@Suite struct HMACTests {
    static let published: [(key: [UInt8], message: [UInt8], code: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            (1...25).map { UInt8($0) }, [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test(arguments: published)
    func publishedCode(key: [UInt8], message: [UInt8], code: String) throws {
        #expect(Hex.string(try HMACSHA256.authenticate(message, key: key)) == code)
    }

    @Test func oneContextServesManyMessagesAndKeys() throws {
        let context = try HMACContext(key: [UInt8]("first".utf8))
        var code = [UInt8](repeating: 0, count: 32)
        for row in HMACTests.published + HMACTests.published.reversed() {
            _ = row.key.withUnsafeBytes { context.setKey($0) }
            for _ in 0..<3 {
                _ = row.message.withUnsafeBytes { message in
                    code.withUnsafeMutableBytes { context.authenticate(message, into: $0.baseAddress!) }
                }
                #expect(Hex.string(code) == row.code)
            }
        }
        #expect(!context.hasFailed)
    }

    @Test func emptyKeyAndEmptyMessage() throws {
        let code = try HMACSHA256.authenticate([], key: [])
        #expect(Hex.string(code) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }
}

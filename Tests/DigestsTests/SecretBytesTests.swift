import Digests
import Testing

@Suite struct SecretBytesTests {
    @Test(arguments: [0, 1, 31, 32, 33, 4096, 100_000])
    func keepsWhatItWasGiven(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let secret = SecretBytes(bytes)
        #expect(secret.count == count)
        #expect(secret.withUnsafeBytes { Array($0) } == bytes)
        #expect(secret == bytes.withUnsafeBytes { SecretBytes(copying: $0) })
        if count > 0 { #expect(secret != SecretBytes(bytes.dropLast() + [bytes[count - 1] ^ 1])) }
        #expect(secret != SecretBytes(bytes + [0]))
    }

    @Test func isNeverShown() {
        let secret = SecretBytes("canary")
        struct Holder { var secret: SecretBytes }
        var dumped = ""
        dump(Holder(secret: secret), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Holder(secret: secret))", dumped] { #expect(!text.contains("canary")) }
        #expect("\(secret)" == "<redacted>")
    }

    @Test func signsAsTheBytesDo() throws {
        let key = (0..<40).map { UInt8($0) }
        #expect(try HMACSHA256.authenticate([1, 2, 3], key: SecretBytes(key)) == (try HMACSHA256.authenticate([1, 2, 3], key: key)))
    }

    @Test func isCleansedAway() {
        var bytes: [UInt8] = [1, 2, 3]
        SecretMemory.cleanse(&bytes)
        #expect(bytes == [0, 0, 0])
    }
}

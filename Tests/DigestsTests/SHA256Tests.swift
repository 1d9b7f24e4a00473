import Digests
import Testing

/// FIPS 180-4 example messages, and the lengths at which padding changes shape.
@Suite struct SHA256Tests {
    static let published: [(message: [UInt8], digest: String)] = [
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]

    @Test(arguments: published)
    func publishedDigest(message: [UInt8], digest: String) throws {
        #expect(Hex.string(try SHA256.hash(message)) == digest)
    }

    @Test func publishedDigestOfAMillionLetters() throws {
        let digest = Hex.string(try SHA256.hash([UInt8](repeating: 0x61, count: 1_000_000)))
        #expect(digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test(arguments: [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129])
    func piecesGiveTheDigestOfTheWhole(length: Int) throws {
        let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = try SHA256.hash(message)
        let context = try SHA256Context()
        var digest = [UInt8](repeating: 0xAA, count: 32)
        for split in 0...length {
            message[..<split].withUnsafeBytes { context.update($0) }
            message[split...].withUnsafeBytes { context.update($0) }
            digest.withUnsafeMutableBytes { context.finish(into: $0.baseAddress!) }
            #expect(digest == whole)
        }
        #expect(!context.hasFailed)
    }

    @Test func oneShotLeavesWhatWasGathered() throws {
        let context = try SHA256Context()
        var digest = [UInt8](repeating: 0, count: 32)
        [UInt8]("a".utf8).withUnsafeBytes { context.update($0) }
        let isDone = [UInt8]("abc".utf8).withUnsafeBytes { bytes in
            digest.withUnsafeMutableBytes { context.digest(bytes, into: $0.baseAddress!) }
        }
        #expect(isDone)
        #expect(digest == (try SHA256.hash(Array("abc".utf8))))
        [UInt8]("bc".utf8).withUnsafeBytes { context.update($0) }
        digest = [UInt8](repeating: 0, count: 32)
        digest.withUnsafeMutableBytes { context.finish(into: $0.baseAddress!) }
        #expect(digest == (try SHA256.hash(Array("abc".utf8))))
    }

    @Test func resetForgetsWhatWasGathered() throws {
        let context = try SHA256Context()
        var digest = [UInt8](repeating: 0, count: 32)
        [UInt8]("left over".utf8).withUnsafeBytes { context.update($0) }
        context.reset()
        digest.withUnsafeMutableBytes { context.finish(into: $0.baseAddress!) }
        #expect(digest == (try SHA256.hash([])))
    }

    @Test func aDigestMayReplaceItsMessage() throws {
        let context = try SHA256Context()
        var bytes = [UInt8](repeating: 0x61, count: 64)
        let expected = try SHA256.hash(bytes)
        bytes.withUnsafeMutableBytes { _ = context.digest(UnsafeRawBufferPointer($0), into: $0.baseAddress!) }
        #expect(Array(bytes.prefix(32)) == expected)
    }
}

import NIOCore
import Testing

@testable import Gateway

@Suite("Limit store: protocol")
struct StoreReplyTests {
    private func replies(_ text: String, pieces: Int) throws -> [StoreReply] {
        let reader = try StoreReplyReader()
        var found: [StoreReply] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { try reader.receive($0) }
            while let reply = try reader.next() { found.append(reply) }
        }
        return found
    }

    @Test("Replies come whole, however the bytes are split", arguments: 1...40)
    func splits(pieces: Int) throws {
        let text =
            "+OK\r\n*3\r\n:1\r\n:-2\r\n:9007199254740991\r\n-NOSCRIPT No matching script.\r\n$5\r\nhello\r\n:7\r\n*0\r\n$-1\r\n*1\r\n+x\r\n"
        #expect(
            try replies(text, pieces: pieces) == [
                .text("OK"), .integers([1, -2, 9_007_199_254_740_991]), .error("NOSCRIPT No matching script."), .text("hello"),
                .integers([7]),
                .integers([]), .other, .other,
            ])
    }

    @Test("What is no protocol ends the connection", arguments: ["HTTP/1.1 400 Bad Request\r\n", "*-5\r\nx", "\u{0}\r\n"])
    func malformed(text: String) throws {
        #expect(throws: StoreReplyReader.Failure.self) { try replies(text, pieces: 64) }
    }

    @Test("A reply longer than any of ours is not collected")
    func tooLong() throws {
        #expect(throws: StoreReplyReader.Failure.tooLong) {
            try replies("$100000\r\n" + String(repeating: "x", count: 70_000), pieces: 4096)
        }
    }

    @Test("Commands are written with any bytes in them, and again with others")
    func commands() {
        let command = StoreCommand()
        var buffer = ByteBuffer()
        let commands: [[[UInt8]]] = [[Array("AUTH".utf8), [0x70, 0x00, 0x0D, 0x0A, 0xFF]], [Array("SELECT".utf8), Array("12".utf8)]]
        for arguments in commands {
            command.clear()
            for argument in arguments { command.append(argument) }
            let isWritten = command.write(to: &buffer)
            #expect(isWritten)
        }
        let first =
            Array("*2\r\n$4\r\nAUTH\r\n$5\r\np".utf8) + [0x00, 0x0D, 0x0A, 0xFF] + Array("\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n".utf8)
        #expect(Array(buffer.readableBytesView) == first)
    }

    @Test(
        "An error reply says whose fault it is",
        arguments: [
            ("WRONGPASS invalid username-password pair or user is disabled.", .authentication),
            ("NOAUTH Authentication required.", .authentication),
            ("ERR AUTH <password> called without any password configured for the default user.", .authentication),
            ("READONLY You can't write against a read only replica.", .error), ("LOADING Redis is loading the dataset in memory", .error),
        ] as [(String, StoreFailure.Kind)])
    func errors(text: String, kind: StoreFailure.Kind) {
        #expect(StoreFailure(reply: text).kind == kind)
    }
}

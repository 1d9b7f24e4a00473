import Testing

@testable import Wire

/// Which header block is open: what a listener's time limit for heads goes by.
@Suite struct HTTP2HeaderBlockTests {
    private static let head = HPACK.block(HPACK.get)

    @Test(
        arguments: [
            ("nothing", [], nil),
            ("SETTINGS", Frame.settings(), nil),
            ("a whole head", Frame.headers(1, head), nil),
            ("a part of a frame header", Array(Frame.headers(1, head).prefix(8)), nil),
            ("a frame header alone", Array(Frame.headers(1, head).prefix(9)), 1),
            ("a head but for its last byte", Frame.headers(1, head).dropLast(), 1),
            ("a head without its end", Frame.headers(1, head, endHeaders: false), 1),
            ("a CONTINUATION without its last byte", Frame.headers(1, head, endHeaders: false) + Frame.continuation(1, [0]).dropLast(), 1),
            (
                "a CONTINUATION that ends it",
                Frame.headers(1, Array(head.prefix(5)), endHeaders: false) + Frame.continuation(1, Array(head.dropFirst(5))), nil
            ),
            ("the second head", Frame.headers(1, head) + Frame.headers(3, head, endHeaders: false), 2),
            ("DATA that has only begun", Frame.headers(1, head, end: false) + Frame.data(1, [1, 2, 3]).dropLast(), nil),
        ] as [(String, [UInt8], Int?)])
    func theOpenBlock(name: String, bytes: [UInt8], expected: Int?) throws {
        // The same however the bytes are cut.
        for size in [1, 7, 1000] {
            var scanner = HTTP2FrameScanner(prefaceBytes: 24)
            let all = Frame.preface + bytes
            for start in stride(from: 0, to: all.count, by: size) {
                Array(all[start..<min(start + size, all.count)]).withUnsafeBytes { piece in
                    var offset = 0
                    while scanner.next(piece, &offset) != nil {}
                }
            }
            #expect(scanner.openHeaderBlock == expected, "\(name), \(size) bytes at once")
        }
    }
}

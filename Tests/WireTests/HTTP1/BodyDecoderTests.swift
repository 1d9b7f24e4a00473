import GatewayCore
import Testing

@testable import Wire

/// The content, how many bytes the body took, and the mistake if it ended in one; fed in reads that end at `cuts`.
private struct Decoded: Equatable {
    var content: [UInt8] = []
    var consumed = 0
    var isComplete = false
    var kind: HTTP1Error.Kind?

    init(_ text: String, _ framing: BodyFraming, cuts: [Int] = [], limits: BodyLimits = BodyLimits()) {
        self.init(HTTP1Input(text), framing, cuts: cuts, limits: limits)
    }

    init(_ input: HTTP1Input, _ framing: BodyFraming, cuts: [Int] = [], limits: BodyLimits = BodyLimits()) {
        var decoder = BodyDecoder(framing, limits: limits)
        input.bytes.withUnsafeBytes { bytes in
            for end in cuts + [input.bytes.count] {
                while !isComplete, kind == nil {
                    let unread = UnsafeRawBufferPointer(rebasing: bytes[consumed..<end])
                    switch decoder.decode(unread) {
                    case .needMore(let taken):
                        #expect(taken == unread.count)
                        consumed += taken
                    case .data(let range, let taken):
                        content += unread[range]
                        consumed += taken
                        continue
                    case .end(let taken):
                        consumed += taken
                        isComplete = true
                    case .failed(let error): kind = error.kind
                    }
                    break
                }
            }
        }
    }
}

@Suite struct BodyDecoderTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var input: String
        var framing = BodyFraming.chunked
        var content = ""
        /// What follows the body.
        var rest = ""
        var isComplete = true

        var testDescription: String { "\(framing): \(HTTP1Input(input).testDescription)" }
    }

    static let rows: [Row] = [
        Row(input: "", framing: .none),
        Row(input: "next", framing: .none, rest: "next"),
        Row(input: "next", framing: .length(0), rest: "next"),
        Row(input: "abcnext", framing: .length(3), content: "abc", rest: "next"),
        Row(input: "ab", framing: .length(3), content: "ab", isComplete: false),
        Row(input: "abc", framing: .untilClose, content: "abc", isComplete: false),
        Row(input: "0\r\n\r\nnext", rest: "next"),
        Row(input: "3\r\nabc\r\n0\r\n\r\n", content: "abc"),
        Row(input: "3\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n", content: "abc0123456789"),
        Row(input: "a\r\n0123\r\n6789\r\n0\r\n\r\n", content: "0123\r\n6789"),
        Row(input: "0000000000000001\r\na\r\n0\r\n\r\n", content: "a"),
        Row(input: "1;a;b=c;d=\"e \\\" \t\u{FF}\"\r\nx\r\n0;z\r\n\r\n", content: "x"),
        Row(input: "0\r\nA: b\r\nC:\r\n\r\nnext", rest: "next"),
        Row(input: "3\r\nabc\r\n0\r\n", content: "abc", isComplete: false),
    ]

    @Test(arguments: rows)
    func decodesHoweverItIsCut(_ row: Row) {
        let whole = Decoded(row.input, row.framing)
        #expect(whole.content == HTTP1Input(row.content).bytes)
        #expect(whole.isComplete == row.isComplete)
        #expect(whole.kind == nil)
        #expect(whole.consumed == row.input.unicodeScalars.count - row.rest.unicodeScalars.count)
        expectSameForEveryCut(HTTP1Input(row.input), row.framing, whole)
    }

    static let mistakes: [(HTTP1Input, HTTP1Error.Kind)] = [
        (HTTP1Input("\r\n"), .invalidChunkSize),
        (HTTP1Input(" 1\r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("1 \r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("1\t;a\r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("0x1\r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("-1\r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("+1\r\na\r\n"), .invalidChunkSize),
        (HTTP1Input("g\r\n"), .invalidChunkSize),
        (HTTP1Input("\u{E9}\r\n"), .invalidChunkSize),
        (HTTP1Input(";a\r\n"), .invalidChunkSize),
        (HTTP1Input("1\na\r\n"), .bareLineFeed),
        (HTTP1Input("1\ra\r\n"), .bareCarriageReturn),
        (HTTP1Input("1\r\r\na\r\n"), .bareCarriageReturn),
        (HTTP1Input("00000000000000001\r\na\r\n"), .chunkSizeOverflow),
        (HTTP1Input("8000000000000000\r\n"), .chunkSizeOverflow),
        (HTTP1Input("FFFFFFFFFFFFFFFF\r\n"), .chunkSizeOverflow),
        (HTTP1Input("10000000000000000\r\n"), .chunkSizeOverflow),
        (HTTP1Input("1\r\nab\r\n0\r\n\r\n"), .missingChunkEnd),
        (HTTP1Input("1\r\na\n0\r\n\r\n"), .bareLineFeed),
        (HTTP1Input("1\r\na\r0\r\n\r\n"), .bareCarriageReturn),
        (HTTP1Input("1\r\na0\r\n\r\n"), .missingChunkEnd),
        (HTTP1Input("1;\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;;a\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1; a\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a \r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a=\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a=b c\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a=\"b\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a=\"b\"c\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a=\"\u{0}\"\r\na\r\n"), .invalidChunkExtension),
        (HTTP1Input("1;a\na\r\n"), .bareLineFeed),
        (HTTP1Input("1;a\rb\r\n"), .bareCarriageReturn),
        (HTTP1Input("0\r\n\n"), .bareLineFeed),
        (HTTP1Input("0\r\n\rx"), .bareCarriageReturn),
        (HTTP1Input("0\r\nA\r\n\r\n"), .missingColon),
        (HTTP1Input("0\r\n: a\r\n\r\n"), .emptyFieldName),
        (HTTP1Input("0\r\n a: b\r\n\r\n"), .foldedLine),
        (HTTP1Input("0\r\nA: b\r\ncontent-lengTH: 1\r\n\r\n"), .forbiddenTrailer),
        (HTTP1Input("0\r\nTransfer-Encoding: chunked\r\n\r\n"), .forbiddenTrailer),
        (HTTP1Input("0\r\nHost: a\r\n\r\n"), .forbiddenTrailer),
        (HTTP1Input("0\r\nConnection: close\r\n\r\n"), .forbiddenTrailer),
        (HTTP1Input("0\r\nA : b\r\n\r\n"), .spaceBeforeColon),
        (HTTP1Input("0\r\nA@: b\r\n\r\n"), .invalidFieldName),
        (HTTP1Input("0\r\nA: \u{0}\r\n\r\n"), .controlInFieldValue),
        (HTTP1Input("0\r\nA: b\n\r\n"), .bareLineFeed),
        (HTTP1Input("0\r\nA: b\rc\r\n"), .bareCarriageReturn),
    ]

    @Test(arguments: mistakes)
    func refusesHoweverItIsCut(_ input: HTTP1Input, _ kind: HTTP1Error.Kind) {
        let whole = Decoded(input, .chunked)
        #expect(whole.kind == kind)
        #expect(!whole.isComplete)
        expectSameForEveryCut(input, .chunked, whole)
    }

    @Test func boundsContentExtensionsAndTrailers() {
        #expect(Decoded("abcd", .length(4), limits: BodyLimits(contentBytes: 3)).kind == .contentTooLarge)
        #expect(Decoded("abc", .length(3), limits: BodyLimits(contentBytes: 3)).kind == nil)
        #expect(Decoded("2\r\nab\r\n2\r\ncd\r\n", .chunked, limits: BodyLimits(contentBytes: 3)).kind == .contentTooLarge)
        #expect(Decoded("3\r\nabc\r\n0\r\n\r\n", .chunked, limits: BodyLimits(contentBytes: 3)).isComplete)
        #expect(Decoded("abcd", .untilClose, limits: BodyLimits(contentBytes: 3)).kind == .contentTooLarge)
        let extensions = "1;abcd\r\na\r\n1;abcd\r\na\r\n0\r\n\r\n"
        #expect(Decoded(extensions, .chunked, limits: BodyLimits(chunkExtensionBytes: 10)).isComplete)
        #expect(Decoded(extensions, .chunked, limits: BodyLimits(chunkExtensionBytes: 8)).kind == .chunkExtensionsTooLarge)
        #expect(Decoded("0\r\nA: b\r\n\r\n", .chunked, limits: BodyLimits(trailerBytes: 6)).isComplete)
        #expect(Decoded("0\r\nA: bc\r\n\r\n", .chunked, limits: BodyLimits(trailerBytes: 6)).kind == .trailersTooLarge)
    }

    @Test func saysTheSameAfterItsEndOrMistake() {
        var ended = BodyDecoder(.none)
        for _ in 0..<2 { #expect([1].withUnsafeBytes { ended.decode($0) } == .end(consumed: 0)) }
        var failed = BodyDecoder(.chunked)
        for _ in 0..<2 { #expect(Array("x".utf8).withUnsafeBytes { failed.decode($0) } == .failed(HTTP1Error(.invalidChunkSize))) }
    }

    @Test(arguments: [(BodyFraming.none, true), (.length(0), true), (.length(1), false), (.chunked, false), (.untilClose, true)])
    func knowsWhetherTheConnectionMayEnd(_ framing: BodyFraming, _ isWhole: Bool) {
        var decoder = BodyDecoder(framing)
        #expect(decoder.finish() == isWhole)
    }

    @Test(arguments: [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (4096, "1000\r\n"), (Int.max, "7fffffffffffffff\r\n")])
    func writesChunkHeaders(_ count: Int, _ line: String) {
        var output: [UInt8] = []
        HTTP1Writing.appendChunkHeader(count, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == line)
    }

    @Test(arguments: [(204, "HTTP/1.1 204 No Content\r\n"), (429, "HTTP/1.1 429 Too Many Requests\r\n"), (599, "HTTP/1.1 599 \r\n")])
    func writesStatusLines(_ status: Int, _ line: String) {
        var output: [UInt8] = []
        HTTP1Writing.appendStatusLine(status, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == line)
    }

    private func expectSameForEveryCut(_ input: HTTP1Input, _ framing: BodyFraming, _ whole: Decoded) {
        let count = input.bytes.count
        for cut in 0...count {
            let parts = Decoded(input, framing, cuts: [cut])
            expectSame(parts, whole, "\(input.testDescription) cut at \(cut)")
        }
        expectSame(Decoded(input, framing, cuts: Array(0..<count)), whole, "\(input.testDescription) byte by byte")
    }

    /// Where a mistake is found, how much of the read before it counts as taken depends on the reads; everything else does not.
    private func expectSame(_ left: Decoded, _ right: Decoded, _ comment: Comment) {
        #expect(left.content == right.content, comment)
        #expect(left.isComplete == right.isComplete, comment)
        #expect(left.kind == right.kind, comment)
        if right.kind == nil { #expect(left.consumed == right.consumed, comment) }
    }
}

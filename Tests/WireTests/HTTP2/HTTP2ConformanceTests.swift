import GatewayCore
import Testing

@testable import Wire

/// What a server must refuse, section by section, and with which code.
struct ConformanceCase: CustomTestStringConvertible, Sendable {
    enum Expectation: Sendable, Equatable {
        case goAway(HTTP2ErrorCode)
        case reset(Int32, HTTP2ErrorCode)
        /// No error; the session goes on.
        case accepted
    }

    var section: String
    var name: String
    var bytes: [UInt8]
    var expected: Expectation
    /// Whether preface and SETTINGS go before `bytes`.
    var started = true
    /// Whether requests are answered at once, so that streams are closed when the next frame comes.
    var answers = false

    var testDescription: String { "\(section) \(name)" }

    init(
        _ section: String, _ name: String, _ expected: Expectation, started: Bool = true, answers: Bool = false, _ bytes: [UInt8]
    ) {
        self.section = section
        self.name = name
        self.bytes = bytes
        self.expected = expected
        self.started = started
        self.answers = answers
    }
}

@Suite struct HTTP2ConformanceTests {
    static func run(_ bytes: [UInt8], started: Bool, answers: Bool, step: Int = .max, limits: HTTP2Limits = HTTP2Limits()) throws
        -> RawClient
    {
        let client = try RawClient(limits: limits)
        if answers {
            client.recorder.answer = { [unowned client] id, _ in
                client.session.submitResponse(id, status: 200, fields: FieldSection(), hasBody: false)
            }
        }
        if started { client.start() }
        var offset = 0
        while offset < bytes.count {
            let end = step == .max ? bytes.count : min(offset + step, bytes.count)
            client.send(Array(bytes[offset..<end]))
            offset = end
        }
        client.drain()
        return client
    }

    static func check(_ client: RawClient, _ expected: ConformanceCase.Expectation, _ name: String = "") {
        switch expected {
        case .goAway(let code):
            #expect(client.goAway == code)
            #expect(client.session.isFinished)
        case .reset(let stream, let code):
            #expect(client.reset(stream) == code)
            #expect(client.goAway == nil)
            #expect(!client.session.isFinished)
        case .accepted:
            #expect(client.goAway == nil, "\(name)")
            #expect(!client.sent.contains { $0.type == 3 && $0.word != 0 })
            #expect(!client.session.isFinished)
        }
    }

    @Test(arguments: ConformanceCase.framing + ConformanceCase.streams + ConformanceCase.frames)
    func connection(_ row: ConformanceCase) throws {
        Self.check(try Self.run(row.bytes, started: row.started, answers: row.answers), row.expected)
    }

    @Test(arguments: ConformanceCase.messages + ConformanceCase.compression)
    func message(_ row: ConformanceCase) throws {
        Self.check(try Self.run(row.bytes, started: row.started, answers: row.answers), row.expected)
    }

    /// The same verdict however the bytes are cut.
    @Test(arguments: [1, 2, 3, 5, 8, 9, 10, 13])
    func cutIntoPieces(step: Int) throws {
        for row in ConformanceCase.all where row.bytes.count < 20_000 {
            let client = try Self.run(row.bytes, started: row.started, answers: row.answers, step: step)
            Self.check(client, row.expected, row.testDescription)
        }
    }

    /// After GOAWAY nothing more is read, so nothing more can go wrong.
    @Test func bytesBehindAConnectionErrorAreIgnored() throws {
        for row in ConformanceCase.all {
            guard case .goAway(let code) = row.expected else { continue }
            let more = Frame.headers(101, HPACK.getBlock) + Frame.raw(6, [1]) + Frame.raw(4, [1]) + Frame.raw(0x10, [0])
            let client = try Self.run(row.bytes + more, started: row.started, answers: false)
            if !row.answers { #expect(client.goAway == code, "\(row.testDescription)") }
            #expect(client.recorder.log[101] == nil, "\(row.testDescription)")
        }
    }
}

import GatewayCore
import Testing
import Wire

/// However the bytes of a connection are cut into reads, the codec says the same.
@Suite struct EverySplitTests {
    static let requests: [HTTP1Input] =
        (HTTP1Corpus.requests + HTTP1Corpus.findings).map { HTTP1Input($0.bytes) }
        + RequestHeadTests.accepted.map { HTTP1Input($0.input) }
        + (RequestRefusals.startLines + RequestRefusals.lines + RequestRefusals.fields).map { HTTP1Input($0.input) }
    static let responses: [HTTP1Input] =
        (HTTP1Corpus.responses + HTTP1Corpus.findings).map { HTTP1Input($0.bytes) }
        + ResponseHeadTests.accepted.map { HTTP1Input($0.input) } + ResponseHeadTests.refused.map(\.0)

    @Test func corpusIsThere() {
        #expect(HTTP1Corpus.requests.count > 20)
        #expect(HTTP1Corpus.responses.count > 10)
    }

    @Test(arguments: requests)
    func requestsMeanTheSame(_ input: HTTP1Input) {
        expectSame(input) { HTTP1Transcript.requests(input.bytes, cuts: $0) }
    }

    @Test(arguments: responses, [false, true])
    func responsesMeanTheSame(_ input: HTTP1Input, toHEAD: Bool) {
        expectSame(input) { HTTP1Transcript.responses(input.bytes, cuts: $0, toHEAD: toHEAD) }
    }

    @Test(arguments: RequestHeadTests.bounded)
    func boundsMeanTheSame(_ row: RequestHeadTests.Bounded) {
        let input = HTTP1Input(row.input)
        expectSame(input) { HTTP1Transcript.requests(input.bytes, cuts: $0, limits: row.limits) }
        // A limit on everything at once, and the order of the limits, too.
        for bytes in 1...40 {
            let limits = HeadLimits(startLineBytes: bytes, fieldCount: 1, headBytes: 41 - bytes)
            expectSame(input) { HTTP1Transcript.requests(input.bytes, cuts: $0, limits: limits) }
        }
    }

    private func expectSame<Head>(_ input: HTTP1Input, _ read: ([Int]) -> HTTP1Transcript<Head>) {
        let whole = read([])
        for cut in 0...input.bytes.count {
            expectSame(read([cut]), whole, "cut at \(cut): \(input.testDescription)")
        }
        expectSame(read(Array(0..<input.bytes.count)), whole, "byte by byte: \(input.testDescription)")
    }

    /// Where a body fails, how much of it counts as taken depends on the reads; everything else does not.
    private func expectSame<Head>(_ left: HTTP1Transcript<Head>, _ right: HTTP1Transcript<Head>, _ comment: Comment) {
        var left = left
        if case .failed = right.ending { left.consumed = right.consumed }
        #expect(left == right, comment)
    }
}

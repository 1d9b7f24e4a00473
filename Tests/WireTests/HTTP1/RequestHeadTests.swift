import GatewayCore
import Testing
import Wire

private func parse(_ text: String, limits: HeadLimits = HeadLimits()) -> HeadParsing<RequestHead> {
    var parser = RequestHeadParser(limits: limits)
    return parser.parse(text)
}

extension RequestHeadParser {
    mutating func parse(_ text: String) -> HeadParsing<RequestHead> {
        HTTP1Input(text).bytes.withUnsafeBytes { parse($0) }
    }
}

@Suite struct RequestHeadTests {
    struct Accepted: Sendable, CustomTestStringConvertible {
        var input: String
        var method = "GET"
        var target = "/"
        var version = HTTPVersion.http11
        var framing = BodyFraming.none
        var isPersistent = true
        var expectsContinue = false
        /// What follows the head.
        var rest = ""

        var testDescription: String { HTTP1Input(input).testDescription }
    }

    static let accepted: [Accepted] = [
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Accepted(input: "DELETE /phone-numbers/%2B1 HTTP/1.1\r\nhOST:a\r\n\r\n", method: "DELETE", target: "/phone-numbers/%2B1"),
        Accepted(input: "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n", method: "M!#$%&'*+-.^_`|~9"),
        Accepted(input: "GET //a/../%zz?x=/?&y= HTTP/1.1\r\nHost: a\r\n\r\n", target: "//a/../%zz?x=/?&y="),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", rest: "GET"),
        Accepted(input: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Accepted(input: "GET / HTTP/1.1\r\nHost:\t a_b.c-d:65535 \t\r\n\r\n"),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a%2Db%2d\r\n\r\n"),
        Accepted(input: "GET / HTTP/1.1\r\nHost: [::ffff:127.0.0.1]:\r\n\r\n"),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\nX-A:\r\nX-B: \t \r\nX-C: a\tb \u{80}\u{FF}~\r\n\r\n"),
        Accepted(input: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", method: "POST", framing: .length(12)),
        Accepted(input: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", method: "POST"),
        Accepted(
            input: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", method: "POST", framing: .length(.max)),
        Accepted(
            input: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000000000000000000012\r\n\r\n", method: "POST", framing: .length(12)),
        Accepted(input: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n", method: "POST", framing: .chunked),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", isPersistent: false),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\nConnection: ,te ,, CLOSE,\r\n\r\n", isPersistent: false),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-close, closed\r\n\r\n"),
        Accepted(input: "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", isPersistent: false),
        Accepted(input: "GET / HTTP/1.0\r\n\r\n", version: .http10, isPersistent: false),
        Accepted(input: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", version: .http10),
        Accepted(input: "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", version: .http10, isPersistent: false),
        Accepted(
            input: "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", method: "PUT", framing: .length(1),
            expectsContinue: true),
        Accepted(input: "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", method: "PUT"),
        Accepted(
            input: "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", method: "PUT", version: .http10,
            framing: .length(1), isPersistent: false),
        Accepted(input: "GET http://A:80/b?c HTTP/1.1\r\nHost: a:80\r\n\r\n", target: "/b?c"),
        Accepted(input: "GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", target: "/"),
        Accepted(input: "GET http://a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", target: "/?b=c"),
    ]

    @Test(arguments: accepted)
    func acceptsHead(_ row: Accepted) throws {
        guard case .complete(let head, let consumed) = parse(row.input) else {
            Issue.record("not complete: \(parse(row.input))")
            return
        }
        #expect(head.fields.string(head.method) == row.method)
        #expect(head.fields.string(head.target) == row.target)
        #expect(head.version == row.version)
        #expect(head.framing == row.framing)
        #expect(head.isPersistent == row.isPersistent)
        #expect(head.expectsContinue == row.expectsContinue)
        #expect(consumed == row.input.unicodeScalars.count - row.rest.unicodeScalars.count)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var input: String
        var kind: HTTP1Error.Kind

        init(_ kind: HTTP1Error.Kind, _ input: String) {
            self.input = input
            self.kind = kind
        }
        /// A whole head with one more line.
        init(_ kind: HTTP1Error.Kind, line: String) {
            self.init(kind, "POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n")
        }
        /// A whole head with this start line.
        init(_ kind: HTTP1Error.Kind, start: String) {
            self.init(kind, "\(start)\r\nHost: a\r\n\r\n")
        }

        var testDescription: String { "\(kind): \(HTTP1Input(input).testDescription)" }
    }

    @Test(arguments: RequestRefusals.startLines + RequestRefusals.lines + RequestRefusals.fields)
    func refusesHead(_ row: Refused) {
        #expect(parse(row.input) == .failed(HTTP1Error(row.kind)))
    }

    @Test func findsFieldsWithoutBlanksAroundThem() throws {
        guard case .complete(let head, _) = parse("GET / HTTP/1.1\r\nHost: a\r\nX-Amz-Date: \t1 2\t \r\nEmpty:\r\n\r\n") else {
            Issue.record("not complete")
            return
        }
        #expect(head.fields.lines.map(\.kind) == [.host, .amazon, .other])
        #expect(head.fields.lines.map { head.fields.string($0.name) } == ["Host", "X-Amz-Date", "Empty"])
        #expect(head.fields.lines.map { head.fields.string($0.value) } == ["a", "1 2", ""])
    }

    @Test func refusesBareLineFeedBeforeTheHeadIsWhole() {
        #expect(parse("GET / HTTP/1.1\n") == .failed(HTTP1Error(.bareLineFeed)))
        #expect(parse("GET / HTTP/1.1\r\nHost: a\n") == .failed(HTTP1Error(.bareLineFeed)))
        #expect(parse("\n") == .failed(HTTP1Error(.bareLineFeed)))
    }

    @Test func refusesHandshakeAtItsFirstByte() {
        #expect(parse("\u{16}") == .failed(HTTP1Error(.tlsHandshake)))
    }

    @Test func isReadyAgainAfterCompleteAndStaysFailedAfterFailure() {
        var parser = RequestHeadParser()
        #expect(parser.isAtStart)
        #expect(parser.parse("GET / HT") == .incomplete)
        #expect(!parser.isAtStart)
        guard case .complete = parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n") else {
            Issue.record("not complete")
            return
        }
        #expect(parser.isAtStart)
        #expect(parser.parse("GET /\r\n") == .failed(HTTP1Error(.malformedRequestLine)))
        #expect(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == .failed(HTTP1Error(.malformedRequestLine)))
    }

    struct Bounded: Sendable, CustomTestStringConvertible {
        var input: String
        var limits: HeadLimits
        /// Nil: just within the limit.
        var kind: HTTP1Error.Kind?

        var testDescription: String { "\(limits): \(HTTP1Input(input).testDescription)" }
    }

    static let bounded: [Bounded] = [
        Bounded(input: "GET /3456789 HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits(startLineBytes: 21)),
        Bounded(input: "GET /34567890 HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits(startLineBytes: 21), kind: .requestLineTooLong),
        Bounded(input: "GET /3456789012345678901", limits: HeadLimits(startLineBytes: 21), kind: .requestLineTooLong),
        Bounded(input: "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n", limits: HeadLimits(fieldCount: 3)),
        Bounded(input: "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n", limits: HeadLimits(fieldCount: 3), kind: .tooManyFields),
        Bounded(input: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits(headBytes: 27)),
        Bounded(input: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits(headBytes: 26), kind: .headTooLarge),
        Bounded(input: "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789", limits: HeadLimits(headBytes: 30), kind: .headTooLarge),
        Bounded(input: "A2345678901234567890123456789012 / HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits()),
        Bounded(input: "A23456789012345678901234567890123 / HTTP/1.1\r\nHost: a\r\n\r\n", limits: HeadLimits(), kind: .methodTooLong),
    ]

    @Test(arguments: bounded)
    func boundsHead(_ row: Bounded) {
        let parsing = parse(row.input, limits: row.limits)
        if let kind = row.kind {
            #expect(parsing == .failed(HTTP1Error(kind)))
        } else if case .complete = parsing {
        } else {
            Issue.record("refused within its limits: \(parsing)")
        }
    }

    @Test(arguments: HTTP1Error.Kind.allCases)
    func everyMistakeHasAStatusAndASentence(_ kind: HTTP1Error.Kind) {
        let error = HTTP1Error(kind)
        #expect([400, 413, 414, 417, 431, 501, 505].contains(error.status))
        #expect(error.message.hasSuffix(".") && error.message.count > 40 && error.message.count < 140)
    }
}

import GatewayCore
import Testing
import Wire

private func parse(_ input: HTTP1Input, toHEAD: Bool = false, limits: HeadLimits = HeadLimits()) -> HeadParsing<ResponseHead> {
    var parser = ResponseHeadParser(limits: limits)
    return input.bytes.withUnsafeBytes { parser.parse($0, requestMethodIsHEAD: toHEAD) }
}

@Suite struct ResponseHeadTests {
    struct Accepted: Sendable, CustomTestStringConvertible {
        var input: String
        var status = 200
        var reason = "OK"
        var version = HTTPVersion.http11
        var framing = BodyFraming.untilClose
        var isPersistent = false
        var toHEAD = false

        var testDescription: String { HTTP1Input(input).testDescription }
    }

    static let accepted: [Accepted] = [
        Accepted(input: "HTTP/1.1 200 OK\r\n\r\n"),
        Accepted(input: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", framing: .length(5), isPersistent: true),
        Accepted(input: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", framing: .length(0), isPersistent: true),
        Accepted(input: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framing: .chunked, isPersistent: true),
        Accepted(input: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", framing: .length(5)),
        Accepted(input: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", version: .http10, framing: .length(5)),
        Accepted(
            input: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", version: .http10, framing: .length(5),
            isPersistent: true),
        Accepted(input: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, reason: "No Content", framing: .none, isPersistent: true),
        Accepted(input: "HTTP/1.1 204 \r\n\r\n", status: 204, reason: "", framing: .none, isPersistent: true),
        Accepted(input: "HTTP/1.1 204\r\n\r\n", status: 204, reason: "", framing: .none, isPersistent: true),
        Accepted(input: "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", status: 204, reason: "x", framing: .none, isPersistent: true),
        // A body may follow although none may: the connection is not used again.
        Accepted(input: "HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n", status: 204, reason: "x", framing: .none),
        Accepted(input: "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", status: 204, reason: "x", framing: .none),
        Accepted(input: "HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", status: 304, reason: "x", framing: .none, isPersistent: true),
        Accepted(input: "HTTP/1.1 100 Continue\r\n\r\n", status: 100, reason: "Continue", framing: .none, isPersistent: true),
        Accepted(input: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", framing: .none, isPersistent: true, toHEAD: true),
        Accepted(input: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framing: .none, isPersistent: true, toHEAD: true),
        Accepted(input: "HTTP/1.1 200 OK\r\n\r\n", framing: .none, isPersistent: true, toHEAD: true),
        Accepted(input: "HTTP/1.1 999 a\tb  c~\r\n\r\n", status: 999, reason: "a\tb  c~"),
        // Fields that decide only in requests.
        Accepted(input: "HTTP/1.1 200 OK\r\nHost: a b\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", framing: .length(1), isPersistent: true),
    ]

    @Test(arguments: accepted)
    func acceptsHead(_ row: Accepted) throws {
        guard case .complete(let head, let consumed) = parse(HTTP1Input(row.input), toHEAD: row.toHEAD) else {
            Issue.record("not complete: \(parse(HTTP1Input(row.input), toHEAD: row.toHEAD))")
            return
        }
        #expect(head.status == row.status)
        #expect(head.fields.string(head.reason) == row.reason)
        #expect(head.version == row.version)
        #expect(head.framing == row.framing)
        #expect(head.isPersistent == row.isPersistent)
        #expect(consumed == row.input.unicodeScalars.count)
    }

    static let refused: [(HTTP1Input, HTTP1Error.Kind)] = [
        (HTTP1Input("\r\nHTTP/1.1 200 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 20\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 20 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 2000 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1  200 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1\t200 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 200\tOK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 +20 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/1.1 099 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("http/1.1 200 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("ICY 200 OK and more\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input(" HTTP/1.1 200 OK\r\n\r\n"), .malformedStatusLine),
        (HTTP1Input("HTTP/2.0 200 OK\r\n\r\n"), .unsupportedVersion),
        (HTTP1Input("HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n"), .unexpectedUpgrade),
        (HTTP1Input("HTTP/1.1 200 OK\n"), .bareLineFeed),
        (HTTP1Input("HTTP/1.1 200 O\rK\r\n"), .bareCarriageReturn),
        (HTTP1Input("HTTP/1.1 200\r\r\n"), .bareCarriageReturn),
        (HTTP1Input("HTTP/1.1 200 O\u{0}K\r\n"), .controlInFieldValue),
        (HTTP1Input("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), .foldedLine),
        (HTTP1Input("HTTP/1.1 200 OK\r\nX : a\r\n\r\n"), .spaceBeforeColon),
        (HTTP1Input("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"), .repeatedContentLength),
        (HTTP1Input("HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\n"), .invalidContentLength),
        (HTTP1Input("HTTP/1.1 204 OK\r\nContent-Length: x\r\n\r\n"), .invalidContentLength),
        (HTTP1Input("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), .contentLengthWithTransferEncoding),
        (HTTP1Input("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"), .unknownTransferCoding),
        (HTTP1Input("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), .invalidTransferEncoding),
        (HTTP1Input("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), .transferEncodingInOldVersion),
        (HTTP1Input("HTTP/1.1 200 OK\r\nConnection: a/b\r\n\r\n"), .invalidConnection),
    ]

    @Test(arguments: refused)
    func refusesHead(_ input: HTTP1Input, _ kind: HTTP1Error.Kind) {
        #expect(parse(input) == .failed(HTTP1Error(kind)))
    }

    @Test func boundsHead() {
        #expect(
            parse(HTTP1Input("HTTP/1.1 200 0123456789"), limits: HeadLimits(startLineBytes: 20)) == .failed(HTTP1Error(.statusLineTooLong)))
        #expect(
            parse(HTTP1Input("HTTP/1.1 200 OK\r\nA: 0123456789"), limits: HeadLimits(headBytes: 25)) == .failed(HTTP1Error(.headTooLarge)))
        #expect(
            parse(HTTP1Input("HTTP/1.1 200 OK\r\nA:\r\nB:\r\n\r\n"), limits: HeadLimits(fieldCount: 1))
                == .failed(HTTP1Error(.tooManyFields)))
    }
}

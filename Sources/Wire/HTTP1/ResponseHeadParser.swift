import GatewayCore

/// Parses response heads by the strict grammar of RFC 9112, with one leniency: the SP after the status code may be missing when there is no
/// reason phrase (`HTTP/1.1 204`), because servers in the field leave it out.
public struct ResponseHeadParser: Sendable {
    public let limits: HeadLimits
    private var scanner = LineScanner()
    private var statusLine: StatusLine?
    private var fields = FieldAccumulator()
    private var failure: HTTP1Error?

    public init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// Whether nothing of a head has been seen.
    public var isAtStart: Bool { scanner.isAtStart && failure == nil }

    /// Parses the head at the start of `bytes`: all bytes of the connection not yet consumed, the same ones as in the last call first.
    /// Interim (1xx) heads come out like any other; the final one follows. 101 is refused, for no upgrade is ever asked for.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer, requestMethodIsHEAD: Bool) -> HeadParsing<ResponseHead> {
        if let failure { return .failed(failure) }
        do throws(HTTP1Error) {
            guard try readLines(bytes), let statusLine else { return .incomplete }
            let head = makeHead(bytes, statusLine, requestMethodIsHEAD)
            let consumed = scanner.lineStart
            reset()
            return .complete(head, consumed: consumed)
        } catch {
            reset()
            failure = error
            return .failed(error)
        }
    }

    private mutating func reset() {
        scanner = LineScanner()
        statusLine = nil
        fields = FieldAccumulator()
    }

    private mutating func readLines(_ bytes: UnsafeRawBufferPointer) throws(HTTP1Error) -> Bool {
        if statusLine == nil {
            let lastLineFeed = limits.lastLineFeed(ofStartLineAt: 0)
            guard let line = try scanner.nextLine(in: bytes, lastLineFeed: lastLineFeed, tooLong: .statusLineTooLong) else { return false }
            statusLine = try StatusLine(parsing: bytes, line)
        }
        let version = statusLine?.version ?? .http11
        while let line = try scanner.nextLine(in: bytes, lastLineFeed: limits.lastLineFeed, tooLong: .headTooLarge) {
            if line.isEmpty { return true }
            try fields.add(bytes, line, version: version, isRequest: false, limits: limits)
        }
        return false
    }

    /// RFC 9112 section 6.3, in its order.
    private func makeHead(_ bytes: UnsafeRawBufferPointer, _ line: StatusLine, _ isAnswerToHEAD: Bool) -> ResponseHead {
        var isPersistent = fields.isPersistent(line.version)
        let framing: BodyFraming
        if line.status < 200 || line.status == 204 || line.status == 304 || isAnswerToHEAD {
            framing = .none
            // 1xx and 204 may announce no body (RFC 9110 section 8.6, RFC 9112 section 6.1). A server that does might send it, too.
            let announcesBody = fields.isChunked || (fields.contentLength ?? 0) > 0
            if announcesBody, line.status < 200 || line.status == 204 { isPersistent = false }
        } else if fields.isChunked {
            framing = .chunked
        } else if let length = fields.contentLength {
            framing = .length(length)
        } else {
            framing = .untilClose
            isPersistent = false
        }
        return ResponseHead(
            fields: FieldSection(bytes: [UInt8](UnsafeRawBufferPointer(rebasing: bytes[..<scanner.lineStart])), lines: fields.lines),
            status: line.status,
            reason: line.reason, version: line.version, framing: framing, isPersistent: isPersistent)
    }
}

/// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 section 4).
struct StatusLine: Sendable {
    var version: HTTPVersion
    var status: Int
    var reason: ByteRange

    /// `line` excludes its CRLF.
    init(parsing bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(HTTP1Error) {
        let start = line.lowerBound
        guard line.count >= 12, bytes[start + 8] == Byte.space else { throw StatusLine.mistake(bytes, line) }
        do throws(HTTP1Error) {
            version = try RequestLine.version(bytes, start..<(start + 8))
        } catch {
            throw error.kind == .unsupportedVersion ? error : StatusLine.mistake(bytes, line)
        }
        status = 0
        for index in (start + 9)..<(start + 12) {
            guard Byte.isDigit(bytes[index]) else { throw StatusLine.mistake(bytes, line) }
            status = status * 10 + Int(bytes[index] &- Byte.zero)
        }
        guard status >= 100 else { throw HTTP1Error(.malformedStatusLine) }
        guard status != 101 else { throw HTTP1Error(.unexpectedUpgrade) }
        guard line.count > 12 else {
            reason = .empty
            return
        }
        guard bytes[start + 12] == Byte.space else { throw StatusLine.mistake(bytes, line) }
        guard Byte.areText(bytes, start + 13, line.upperBound) else {
            throw FieldLine.mistakeInText(bytes, (start + 13)..<line.upperBound)
        }
        reason = ByteRange(start + 13, line.upperBound)
    }

    @inline(never)
    private static func mistake(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> HTTP1Error {
        HTTP1Error(line.contains { bytes[$0] == Byte.carriageReturn } ? .bareCarriageReturn : .malformedStatusLine)
    }
}

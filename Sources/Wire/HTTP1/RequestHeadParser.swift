import GatewayCore

/// What a head parser makes of the bytes so far.
public enum HeadParsing<Head: Sendable>: Sendable {
    /// The head goes on; call again when more bytes have arrived.
    case incomplete
    /// `consumed` bytes were the head; the body or the next head starts there.
    case complete(Head, consumed: Int)
    /// Answer with `error.status` and close.
    case failed(HTTP1Error)
}

extension HeadParsing: Equatable where Head: Equatable {}

/// Parses request heads by the strict grammar of RFC 9112, and nothing else.
///
/// Each line is judged when it is whole, so a mistake is found as soon as its line has arrived, at the same byte however the input was
/// cut. One CRLF before the request line is skipped (section 2.2). Two allocations a head: the copy of its bytes and the lines.
public struct RequestHeadParser: Sendable {
    public let limits: HeadLimits
    private var scanner = LineScanner()
    private var requestLine: RequestLine?
    private var fields = FieldAccumulator()
    private var failure: HTTP1Error?

    public init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// Whether nothing of a head has been seen; false means that a peer has begun one (for the choice between idle and header timeout).
    public var isAtStart: Bool { scanner.isAtStart && failure == nil }

    /// Parses the head at the start of `bytes`: all bytes of the connection not yet consumed, the same ones as in the last call first.
    /// After `complete` the parser is ready for the next head; after `failed` it stays failed.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> HeadParsing<RequestHead> {
        if let failure { return .failed(failure) }
        do throws(HTTP1Error) {
            guard try readLines(bytes) else { return .incomplete }
            let head = try makeHead(bytes)
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
        requestLine = nil
        fields = FieldAccumulator()
    }

    /// True when the empty line that ends the head has been read.
    private mutating func readLines(_ bytes: UnsafeRawBufferPointer) throws(HTTP1Error) -> Bool {
        var version = requestLine?.version ?? .http11
        while requestLine == nil {
            let start = scanner.lineStart
            // The first byte of a TLS record; said at once, because a handshake need not hold an LF.
            if start == 0, bytes.first == 0x16 { throw HTTP1Error(.tlsHandshake) }
            let lastLineFeed = limits.lastLineFeed(ofStartLineAt: start)
            guard let line = try scanner.nextLine(in: bytes, lastLineFeed: lastLineFeed, tooLong: .requestLineTooLong) else { return false }
            if line.isEmpty {
                guard start == 0 else { throw HTTP1Error(.emptyRequestLine) }
                continue
            }
            if ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[line]), "pri * http/2.0") {
                throw HTTP1Error(.http2Preface)
            }
            let parsed = try RequestLine(parsing: bytes, line)
            version = parsed.version
            requestLine = parsed
        }
        while let line = try scanner.nextLine(in: bytes, lastLineFeed: limits.lastLineFeed, tooLong: .headTooLarge) {
            if line.isEmpty { return true }
            try fields.add(bytes, line, version: version, isRequest: true, limits: limits)
        }
        return false
    }

    private func makeHead(_ bytes: UnsafeRawBufferPointer) throws(HTTP1Error) -> RequestHead {
        guard let requestLine else { throw HTTP1Error(.malformedRequestLine) }
        if fields.host == nil, requestLine.version == .http11 { throw HTTP1Error(.missingHost) }
        let framing: BodyFraming =
            if fields.isChunked { .chunked } else if let length = fields.contentLength, length > 0 { .length(length) } else { .none }
        var copy = [UInt8](UnsafeRawBufferPointer(rebasing: bytes[..<scanner.lineStart]))
        var target = requestLine.target
        if let authority = requestLine.authority {
            // RFC 9112 section 3.2.2 lets the authority of the target overrule Host; two hosts in one request are refused here instead.
            guard let host = fields.host,
                ASCII.equalIgnoringCase(
                    UnsafeRawBufferPointer(rebasing: bytes[host.range]), UnsafeRawBufferPointer(rebasing: bytes[authority.range]))
            else { throw HTTP1Error(.hostMismatch) }
            if target.count == 0 || copy[Int(target.start)] != Byte.slash {
                // An absent path is "/" (RFC 9110 section 4.2.3). The target in origin form is put behind the head, where it has room.
                let start = copy.count
                copy.append(Byte.slash)
                copy.append(contentsOf: bytes[target.range])
                target = ByteRange(start, copy.count)
            }
        }
        return RequestHead(
            fields: FieldSection(bytes: copy, lines: fields.lines), method: requestLine.method, target: target,
            version: requestLine.version, framing: framing, isPersistent: fields.isPersistent(requestLine.version),
            expectsContinue: fields.expectsContinue && framing != .none)
    }
}

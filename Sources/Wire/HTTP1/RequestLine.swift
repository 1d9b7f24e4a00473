import GatewayCore

/// `method SP request-target SP HTTP-version` (RFC 9112 section 3).
struct RequestLine: Sendable {
    var method: ByteRange
    /// As sent: origin form, or what follows the authority in absolute form (then perhaps empty, or starting with "?").
    var target: ByteRange
    /// The authority of an absolute-form target.
    var authority: ByteRange?
    var version: HTTPVersion

    /// `line` is not empty and excludes its CRLF.
    @inline(__always)
    init(parsing bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(HTTP1Error) {
        // SP "HTTP/1.1" is nine bytes; the shortest line is "M / HTTP/1.1".
        let targetEnd = line.upperBound &- 9
        var methodEnd = line.lowerBound
        while methodEnd < line.upperBound, ByteSet.token.contains(bytes[methodEnd]) { methodEnd &+= 1 }
        guard methodEnd > line.lowerBound, methodEnd < targetEnd, bytes[methodEnd] == Byte.space, bytes[targetEnd] == Byte.space else {
            throw RequestLine.mistake(bytes, line, methodEnd: methodEnd)
        }
        guard methodEnd &- line.lowerBound <= HeadLimits.methodBytes else { throw HTTP1Error(.methodTooLong) }
        version = try RequestLine.version(bytes, (targetEnd &+ 1)..<line.upperBound)
        method = ByteRange(line.lowerBound, methodEnd)
        target = ByteRange(methodEnd &+ 1, targetEnd)
        guard ByteSet.target.containsAll(of: bytes, target.range) else { throw RequestLine.mistakeInTarget(bytes, target.range) }
        if target.count == 0 || bytes[methodEnd &+ 1] != Byte.slash { try splitAbsoluteForm(bytes) }
        // CONNECT has authority form only (RFC 9112 section 3.2.3), and this is no tunnel.
        if method.count == 7, ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[method.range]), "connect") {
            throw HTTP1Error(.unsupportedTargetForm)
        }
    }

    /// `HTTP-version`, case-sensitive (RFC 9112 section 2.3); `range` is eight bytes.
    @inline(__always)
    static func version(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(HTTP1Error) -> HTTPVersion {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self))
        if word == 0x312E_312F_5054_5448 { return .http11 }
        if word == 0x302E_312F_5054_5448 { return .http10 }
        let isVersion =
            word & 0x00FF_00FF_FFFF_FFFF == 0x002E_002F_5054_5448 && Byte.isDigit(bytes[range.lowerBound + 5])
            && Byte.isDigit(bytes[range.lowerBound + 7])
        throw HTTP1Error(isVersion ? .unsupportedVersion : .malformedRequestLine)
    }

    /// Absolute form (RFC 9112 section 3.2.2) is accepted for http and https; whether its authority is that of Host, the whole head tells.
    private mutating func splitAbsoluteForm(_ bytes: UnsafeRawBufferPointer) throws(HTTP1Error) {
        let range = target.range
        var start = range.lowerBound
        while start < range.upperBound, bytes[start] != Byte.colon { start += 1 }
        let scheme = UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound..<start])
        guard ASCII.equalsIgnoringCase(scheme, "http") || ASCII.equalsIgnoringCase(scheme, "https"), start + 2 < range.upperBound,
            bytes[start + 1] == Byte.slash, bytes[start + 2] == Byte.slash
        else { throw HTTP1Error(.unsupportedTargetForm) }
        start += 3
        var end = start
        while end < range.upperBound, bytes[end] != Byte.slash, bytes[end] != Byte.questionMark { end += 1 }
        guard Authority.isValid(bytes, start..<end) else { throw HTTP1Error(.invalidHost) }
        authority = ByteRange(start, end)
        target = ByteRange(end, range.upperBound)
    }

    @inline(never)
    private static func mistake(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, methodEnd: Int) -> HTTP1Error {
        if line.contains(where: { bytes[$0] == Byte.carriageReturn }) { return HTTP1Error(.bareCarriageReturn) }
        if methodEnd < line.upperBound, methodEnd > line.lowerBound, bytes[methodEnd] == Byte.space {
            return HTTP1Error(.malformedRequestLine)
        }
        if methodEnd == line.upperBound || bytes[methodEnd] == Byte.space { return HTTP1Error(.malformedRequestLine) }
        return HTTP1Error(.invalidMethod)
    }

    @inline(never)
    private static func mistakeInTarget(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> HTTP1Error {
        for index in range where !ByteSet.target.contains(bytes[index]) {
            switch bytes[index] {
            case Byte.numberSign: return HTTP1Error(.fragmentInTarget)
            case Byte.carriageReturn: return HTTP1Error(.bareCarriageReturn)
            default: return HTTP1Error(.invalidTarget)
            }
        }
        return HTTP1Error(.invalidTarget)
    }
}

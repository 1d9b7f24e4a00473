/// Writing messages; every function appends, so that a head or a chunk is built in one buffer.
extension Array where Element == UInt8 {
    /// `HTTP/1.1 SP status SP reason CRLF`, with the registered reason phrase (RFC 9110 section 15) or an empty one.
    /// - Parameter status: 100 to 999.
    public mutating func appendStatusLine(_ status: Int) {
        append("HTTP/1.1 ")
        appendDecimal(status)
        append(Byte.space)
        append(HTTP1Writing.reasonPhrase(status))
        appendLineEnd()
    }

    /// `name: value CRLF`. The caller vouches for the grammar: a name of token characters, a value without CR, LF or NUL.
    public mutating func appendField(_ name: StaticString, _ value: StaticString) {
        append(name)
        append(": ")
        append(value)
        appendLineEnd()
    }

    /// `name: value CRLF` for a value of bytes, such as one that a parser has accepted.
    public mutating func appendField(_ name: StaticString, _ value: some Collection<UInt8>) {
        append(name)
        append(": ")
        append(contentsOf: value)
        appendLineEnd()
    }

    /// `name: decimal CRLF`.
    public mutating func appendField(_ name: StaticString, decimal value: Int) {
        append(name)
        append(": ")
        appendDecimal(value)
        appendLineEnd()
    }

    /// The size line of a chunk (RFC 9112 section 7.1). Its data and a CRLF (`appendLineEnd`) follow.
    /// - Parameter count: bytes of data, at least 1: a size of zero would end the body.
    public mutating func appendChunkHeader(_ count: Int) {
        var shift = Int.bitWidth - 4
        while shift > 0, count >> shift == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: count >> shift) & 0xF
            append(digit < 10 ? Byte.zero + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
        appendLineEnd()
    }

    /// The last chunk and the empty trailer section, which end a chunked body.
    public mutating func appendLastChunk() { append("0\r\n\r\n") }

    public mutating func appendLineEnd() { append("\r\n") }

    /// A number of at least 0 in decimal digits.
    public mutating func appendDecimal(_ value: Int) {
        var divisor = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(Byte.zero + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// The characters of a literal.
    public mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

public enum HTTP1Writing {
    /// The registered phrase of a status that the gateway or an AWS service sends, or an empty one.
    public static func reasonPhrase(_ status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}

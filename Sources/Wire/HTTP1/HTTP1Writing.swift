import GatewayCore

/// The parts of a message that belong to HTTP/1.1 alone; field lines are written by `FieldBytes`. Each call appends, so that a head or a
/// chunk is built in one buffer.
public enum HTTP1Writing {
    /// `HTTP/1.1 SP status SP reason CRLF` (RFC 9112 section 4), with the registered reason phrase or an empty one.
    /// - Parameter status: 100 to 999.
    public static func appendStatusLine(_ status: Int, to output: inout [UInt8]) {
        FieldBytes.append("HTTP/1.1 ", to: &output)
        FieldBytes.append(status, to: &output)
        FieldBytes.append(" ", to: &output)
        FieldBytes.append(reasonPhrase(status), to: &output)
        FieldBytes.append("\r\n", to: &output)
    }

    /// The size line of a chunk (RFC 9112 section 7.1): hexadecimal digits and CRLF. Its data and `chunkEnd` follow.
    /// - Parameter count: bytes of data, at least 1: a size of zero would end the body.
    public static func appendChunkHeader(_ count: Int, to output: inout [UInt8]) {
        var shift = (Int.bitWidth - 1 - count.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: count >> shift) & 0xF
            output.append(digit < 10 ? Byte.zero + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
        FieldBytes.append(chunkEnd, to: &output)
    }

    /// What follows the data of a chunk.
    public static let chunkEnd: StaticString = "\r\n"
    /// The last chunk and an empty trailer section, which end a chunked body.
    public static let lastChunk: StaticString = "0\r\n\r\n"
    /// Tells a client that waits with its body to send it (RFC 9110 section 10.1.1).
    public static let continueHead: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

    /// The registered phrase of a status that the gateway or an AWS service sends (RFC 9110 section 15), or an empty one.
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

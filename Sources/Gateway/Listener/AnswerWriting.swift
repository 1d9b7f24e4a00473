import NIOCore
import Wire

extension ByteBuffer {
    /// `HTTP/1.1 204 No Content` CR LF.
    mutating func writeStatusLine(_ status: Int) {
        switch status {
        case 204: writeStaticString("HTTP/1.1 204 No Content\r\n")
        case 200: writeStaticString("HTTP/1.1 200 OK\r\n")
        case 429: writeStaticString("HTTP/1.1 429 Too Many Requests\r\n")
        default:
            writeStaticString("HTTP/1.1 ")
            writeDecimal(status)
            writeStaticString(" ")
            writeStaticString(HTTP1Writing.reasonPhrase(status))
            writeStaticString("\r\n")
        }
    }

    mutating func writeContentLength(_ length: Int) {
        writeStaticString("Content-Length: ")
        writeDecimal(length)
        writeStaticString("\r\n")
    }

    mutating func writeChunkHeader(_ count: Int) {
        writeString(String(count, radix: 16))
        writeStaticString("\r\n")
    }

    private mutating func writeDecimal(_ value: Int) {
        if value >= 10 { writeDecimal(value / 10) }
        writeInteger(UInt8(0x30 + value % 10))
    }
}

extension Channel {
    /// Whether the socket has yet to take something that was written. Asked on the channel's loop.
    var hasUnsentBytes: Bool { ((try? syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) > 0 }
}

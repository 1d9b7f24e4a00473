import GatewayCore
import NIOCore

/// Spells an answer as HTTP/1.1 does, or for a caller of HTTP/1.0 as that one does (RFC 9112 sections 4, 6 and 9.3), into a buffer that the
/// connection sends and empties.
struct HTTP1AnswerWriter {
    var bytes = ByteBuffer()
    private var body = AnswerBody.none
    private var isHTTP10 = false

    /// - Parameters:
    ///   - fields: whole field lines; those of framing and connection are added.
    ///   - isToHEAD: the fields say what a body would be like, and none follows.
    mutating func begin(status: Int, fields: [UInt8], body: AnswerBody, version: HTTPVersion, closes: Bool, isToHEAD: Bool) {
        isHTTP10 = version == .http10
        bytes.writeStatusLine(status)
        bytes.writeBytes(fields)
        switch body {
        case .none: break
        case .length(let length): bytes.writeContentLength(length)
        case .streamed: if !isHTTP10 { bytes.writeStaticString("Transfer-Encoding: chunked\r\n") }
        }
        if closes {
            bytes.writeStaticString("Connection: close\r\n\r\n")
        } else if isHTTP10 {
            bytes.writeStaticString("Connection: keep-alive\r\n\r\n")
        } else {
            bytes.writeStaticString("\r\n")
        }
        self.body = isToHEAD ? .none : body
    }

    mutating func append(_ content: ByteBuffer) {
        var content = content
        switch body {
        case .none: break
        case .length: bytes.writeBuffer(&content)
        case .streamed:
            guard content.readableBytes > 0 else { break }
            if isHTTP10 {
                bytes.writeBuffer(&content)
            } else {
                bytes.writeChunkHeader(content.readableBytes)
                bytes.writeBuffer(&content)
                bytes.writeStaticString("\r\n")
            }
        }
    }

    mutating func end() {
        if case .streamed = body, !isHTTP10 { bytes.writeStaticString("0\r\n\r\n") }
    }

    mutating func goOn() {
        bytes.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
    }
}

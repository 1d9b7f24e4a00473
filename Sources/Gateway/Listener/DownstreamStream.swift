import NIOCore

/// How the end of an answer's body is marked; how to spell it is the connection's affair.
enum AnswerBody {
    /// No body, and no field about it (1xx, 204, 304; answers to HEAD keep what `length` says).
    case none
    case length(Int)
    /// As long as it lasts: chunked in HTTP/1.1, END_STREAM in HTTP/2, close in HTTP/1.0.
    case streamed
}

/// One request's way back to its caller: an HTTP/1.1 connection's turn or an HTTP/2 stream. All calls on its event loop.
protocol DownstreamStream: AnyObject {
    /// Starts the answer. `fields` are whole field lines; framing and connection fields are added by the stream.
    func respond(status: Int, fields: [UInt8], body: AnswerBody, closesConnection: Bool)
    /// More of the body. False: stop until `Exchange.downstreamIsWritable`.
    func send(body: ByteBuffer) -> Bool
    /// The answer is complete.
    func finish()
    /// The answer cannot be completed: whoever reads it must notice.
    func abort()
    /// Pushes out what was written since the last flush.
    func flush()
    /// The caller may send the request's body now (100 Continue).
    func acceptBody()
}

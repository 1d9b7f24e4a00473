import GatewayCore

/// What a session tells about its streams. Called within `receive`, `drainOutput` and `connectionLost`, and from nowhere else.
///
/// A delegate may call every method that sends or resets, but not `receive`, `drainOutput` or `connectionLost` from within a call.
public protocol HTTP2SessionDelegate: AnyObject {
    /// Bytes of the peer's body. The memory is valid during the call. Each byte must later be named in `consumed`, or the peer's window
    /// stays shut: that is the back-pressure.
    func streamBody(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer)
    /// The peer's message is complete.
    func streamEnd(_ streamID: Int32, trailers: FieldSection?)
    /// The stream is over, in both directions. The last call for a stream, and one for each whose head was delivered (for a client:
    /// for each that was submitted). `.noError` after a whole exchange.
    func streamClosed(_ streamID: Int32, _ closure: HTTP2StreamClosure)
    /// A stream on which `sendBody` answered false has room again.
    func streamWritable(_ streamID: Int32)
    /// The peer will open or answer no stream above `lastStreamID`.
    func goAwayReceived(lastStreamID: Int32, error: HTTP2ErrorCode)
    /// The peer answered a `ping`.
    func pingAcknowledged(_ payload: UInt64)
}

extension HTTP2SessionDelegate {
    public func goAwayReceived(lastStreamID: Int32, error: HTTP2ErrorCode) {}
    public func pingAcknowledged(_ payload: UInt64) {}
}

public protocol HTTP2ServerDelegate: HTTP2SessionDelegate {
    /// A request has come. `head.framing` is `.none` when nothing follows; then `streamEnd` comes at once.
    func requestHead(_ streamID: Int32, _ head: RequestHead)
    /// A request that is lawful HTTP/2 and must be answered with `error.status`. Its body is thrown away; no other call than
    /// `streamClosed` follows.
    func requestRefused(_ streamID: Int32, _ error: HTTP1Error)
}

public protocol HTTP2ClientDelegate: HTTP2SessionDelegate {
    /// An interim response (100 to 199), before the final one.
    func informationalHead(_ streamID: Int32, _ head: ResponseHead)
    func responseHead(_ streamID: Int32, _ head: ResponseHead)
    /// The server's SETTINGS have come or changed: `availableStreams` may differ.
    func settingsReceived()
    /// The server sent RST_STREAM; `streamClosed` follows. What comes without it was reset by this side, for a mistake in what came.
    func streamReset(_ streamID: Int32, _ error: HTTP2ErrorCode)
}

extension HTTP2ClientDelegate {
    public func informationalHead(_ streamID: Int32, _ head: ResponseHead) {}
    public func settingsReceived() {}
    public func streamReset(_ streamID: Int32, _ error: HTTP2ErrorCode) {}
}

/// How a stream ended.
public struct HTTP2StreamClosure: Sendable, Equatable {
    public var error: HTTP2ErrorCode
    /// The server provably did nothing with the request: it never left, it was refused with REFUSED_STREAM, or its stream is above the
    /// last one in GOAWAY (RFC 9113 section 8.7). Then, and only then, even a request that is not idempotent may be sent again. False
    /// on a server's session.
    public var isUnprocessed: Bool

    public init(error: HTTP2ErrorCode, isUnprocessed: Bool = false) {
        self.error = error
        self.isUnprocessed = isUnprocessed
    }
}

import CNghttp2
import GatewayCore

/// The client's side of an HTTP/2 connection to an upstream, bytes in and bytes out (RFC 9113, 7541).
///
/// Used like `HTTP2ServerSession`. `drainOutput` gives the preface at once. Server push is switched off, and a server that pushes all the
/// same loses the connection.
public final class HTTP2ClientSession: HTTP2Session {
    private var client: (any HTTP2ClientDelegate)?
    /// The server's first SETTINGS have come.
    public private(set) var hasServerSettings = false
    private let assumedStreams: UInt32
    private var isGoingAway = false

    /// `finishShutdown` was called.
    public var isFinishing: Bool { isGoingAway }

    /// - Parameters:
    ///   - assumedStreams: requests that may be open at once until the server's SETTINGS say how many.
    ///   - firstStreamID: odd; for tests of what comes when identifiers are used up.
    public init(limits: HTTP2Limits = HTTP2Limits(), assumedStreams: Int = 100, firstStreamID: Int32 = 1) throws(HTTP2SetupError) {
        self.assumedStreams = UInt32(clamping: assumedStreams)
        try super.init(server: false, limits: limits)
        if firstStreamID > 1, nghttp2_session_set_next_stream_id(handle, firstStreamID) != 0 { throw HTTP2SetupError() }
    }

    /// Takes bytes as they came from the connection, cut anywhere.
    /// - Parameter now: nanoseconds of a monotonic clock; floods are judged by it.
    public func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64, delegate: any HTTP2ClientDelegate) {
        let outer = client
        client = delegate
        super.receive(bytes, now: now, delegate: delegate)
        client = outer
    }

    /// Gives what is to be written to `sink`, in pieces of at most a frame. The pieces' memory is valid during the call of `sink`,
    /// which must not call the session.
    /// - Parameter limit: stops when so many bytes were given, at a frame's end; the rest waits for the next call.
    /// - Returns: the number of bytes given.
    @discardableResult
    public func drainOutput(
        limit: Int = .max, delegate: any HTTP2ClientDelegate, _ sink: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        super.drainOutput(limit: limit, delegate: delegate, sink)
    }

    /// The connection is gone: every stream that is left is reported closed. Call once.
    public func connectionLost(delegate: any HTTP2ClientDelegate) {
        super.connectionLost(delegate: delegate)
    }

    // MARK: Requests

    /// Requests that may be open at once: the server's SETTINGS_MAX_CONCURRENT_STREAMS, at most our own `maxConcurrentStreams`; before its
    /// SETTINGS have come, `assumedStreams`.
    public var streamLimit: Int {
        let allowed =
            hasServerSettings ? nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) : assumedStreams
        return Int(min(allowed, limits.maxConcurrentStreams))
    }

    /// How many more requests may be submitted now: what `streamLimit` leaves. 0 once either side has said GOAWAY or stream identifiers are
    /// used up.
    public var availableStreams: Int {
        guard isOpen, !isGoingAway, nghttp2_session_check_request_allowed(handle) != 0 else { return 0 }
        return max(0, streamLimit - streams.liveCount)
    }

    /// No stream identifier is left (RFC 9113 section 5.1.1): the connection serves what it has, and further requests need another one.
    public var isExhausted: Bool { nghttp2_session_get_next_stream_id(handle) > UInt32(Int32.max) }

    /// Sends a request: `head.method` and `head.target` as they are, Host as `:authority`, the other fields behind, hop-by-hop fields left
    /// out. With `hasBody` the body follows by `sendBody` and `endBody`.
    ///
    /// `authorization`, `x-amz-security-token` and their like are sent never-indexed, so that no compression table keeps them.
    /// - Returns: the stream, or nil when `availableStreams` is 0: use another connection.
    public func submitRequest(_ head: RequestHead, adding: FieldSection = FieldSection(), isSecure: Bool, hasBody: Bool) -> Int32? {
        guard availableStreams > 0 else { return nil }
        let index = streams.insert(streamID: 0)
        let streamID = head.fields.bytes.withUnsafeBytes { bytes in
            adding.bytes.withUnsafeBytes { addingBytes in
                fieldVector.removeAll(keepingCapacity: true)
                fieldVector.append(HTTP2Session.pair(":method", UnsafeRawBufferPointer(rebasing: bytes[head.method.range])))
                fieldVector.append(HTTP2Session.pair(":scheme", isSecure ? "https" : "http"))
                if let host = head.fields.first(.host) {
                    fieldVector.append(HTTP2Session.pair(":authority", UnsafeRawBufferPointer(rebasing: bytes[host.value.range])))
                }
                fieldVector.append(HTTP2Session.pair(":path", UnsafeRawBufferPointer(rebasing: bytes[head.target.range])))
                appendFields(head.fields, bytes, skipHost: true)
                appendFields(adding, addingBytes, skipHost: true)
                var source = HTTP2Callbacks.bodySource(index)
                let token = HTTP2StreamTable.token(index)
                return hasBody
                    ? nghttp2_submit_request(handle, nil, fieldVector, fieldVector.count, &source, token)
                    : nghttp2_submit_request(handle, nil, fieldVector, fieldVector.count, nil, token)
            }
        }
        guard streamID > 0 else {
            streams.remove(index)
            return nil
        }
        streams[index].streamID = streamID
        streams[index].state = .announced
        return streamID
    }

    /// Whether anything of the request may have been given to `drainOutput`; if not, the server has nothing of it. True for a stream that
    /// is no more.
    public func hasLeft(_ streamID: Int32) -> Bool {
        guard let index = streams.slots.firstIndex(where: { $0.streamID == streamID }) else { return true }
        // nghttp2 knows a client's stream from the moment that its HEADERS are written, and says so when they are out.
        return streams[index].state.contains(.left) || nghttp2_session_find_stream(handle, streamID) != nil
    }

    /// Opens no more streams; `isFinished` once those that are open are closed. Says GOAWAY, as a client may (RFC 9113 section 6.8).
    public func finishShutdown() {
        guard isOpen, !isGoingAway else { return }
        isGoingAway = true
        nghttp2_submit_goaway(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, HTTP2ErrorCode.noError.rawValue, nil, 0)
    }

    // MARK: Responses

    override func headersBegin(_ headers: nghttp2_headers) {
        let isTrailers = liveIndex(headers.hd.stream_id).map { streams[$0].state.contains(.headReceived) } ?? false
        builder.begin(isTrailers ? .trailers : .response)
    }

    override func headReceived(_ index: Int, streamID: Int32, endStream: Bool) {
        if builder.isOverLimit { return resetLive(index, .enhanceYourCalm) }
        guard !builder.isMalformed else { return resetLive(index, .protocolError) }
        guard builder.status >= 200 else {
            client?.informationalHead(streamID, builder.makeResponse(endStream: false))
            return
        }
        streams[index].state.insert(.headReceived)
        client?.responseHead(streamID, builder.makeResponse(endStream: endStream))
        if endStream, let index = liveIndex(streamID) { deliverEnd(index, streamID, trailers: nil) }
    }

    override func settingsReceived() {
        hasServerSettings = true
        client?.settingsReceived()
    }

    override func resetReceived(_ streamID: Int32, _ error: HTTP2ErrorCode) { client?.streamReset(streamID, error) }

    override func isUnsent(_ slot: HTTP2StreamSlot) -> Bool {
        !slot.state.contains(.left) && nghttp2_session_find_stream(handle, slot.streamID) == nil
    }

    override func closure(_ slot: HTTP2StreamSlot, _ error: HTTP2ErrorCode) -> HTTP2StreamClosure {
        // nghttp2 closes the streams above the last one of a GOAWAY with REFUSED_STREAM, too.
        let isUnprocessed =
            slot.state.contains(.notSent) || (error == .refusedStream && slot.state.isDisjoint(with: [.reset, .headReceived]))
        return HTTP2StreamClosure(error: isUnprocessed ? .refusedStream : error, isUnprocessed: isUnprocessed)
    }
}

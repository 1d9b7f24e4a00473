import CNghttp2
import GatewayCore

/// The server's side of an HTTP/2 connection, bytes in and bytes out (RFC 9113, 7541).
///
/// Start it once the client has chosen `h2` by ALPN or begins with the preface; everything from the first byte of the preface is given
/// to `receive`. After each `receive`, and whenever something was sent, `drainOutput` until `wantsOutput` is false; close the
/// connection when `isFinished` says so.
///
/// Mistakes are answered as RFC 9113 names them: connection errors with GOAWAY, stream errors and malformed requests (section 8.1.1)
/// with RST_STREAM; what is lawful HTTP/2 and still not served (limits, a target with a fragment, CONNECT) goes to `requestRefused`.
/// A request that is answered before it has ended may end behind its answer, so that it is still judged; only where more than
/// `lateBodyBytes` is to come is the client told to stop (section 8.1). The owner says when it has taken too long (`reset`).
///
/// Two stream errors are made connection errors, as section 5.4.1 allows: HEADERS beyond `maxConcurrentStreams` once the client has
/// acknowledged that limit, and WINDOW_UPDATE of 0 for a stream.
public final class HTTP2ServerSession: HTTP2Session {
    /// The longest body that is read to its end behind the answer.
    public static let lateBodyBytes = 65_536

    private var server: (any HTTP2ServerDelegate)?

    public init(limits: HTTP2Limits = HTTP2Limits()) throws(HTTP2SetupError) {
        try super.init(server: true, limits: limits)
    }

    /// Takes bytes as they came from the connection, cut anywhere.
    /// - Parameter now: nanoseconds of a monotonic clock; floods are judged by it.
    public func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64, delegate: any HTTP2ServerDelegate) {
        let outer = server
        server = delegate
        super.receive(bytes, now: now, delegate: delegate)
        server = outer
    }

    /// Gives what is to be written to `sink`, in pieces of at most a frame. The pieces' memory is valid during the call of `sink`,
    /// which must not call the session.
    /// - Parameter limit: stops when so many bytes were given, at a frame's end; the rest waits for the next call.
    /// - Returns: the number of bytes given.
    @discardableResult
    public func drainOutput(
        limit: Int = .max, delegate: any HTTP2ServerDelegate, _ sink: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        super.drainOutput(limit: limit, delegate: delegate, sink)
    }

    /// The connection is gone: every stream that is left is reported closed. Call once.
    public func connectionLost(delegate: any HTTP2ServerDelegate) {
        super.connectionLost(delegate: delegate)
    }

    // MARK: Responses

    /// Sends the head of the final response; with `hasBody` false it is the whole response.
    ///
    /// Hop-by-hop fields are left out. `adding` is a second list behind `fields`, so that a relayed head need not be copied to add to it.
    public func submitResponse(
        _ streamID: Int32, status: Int, fields: FieldSection, adding: FieldSection = FieldSection(), hasBody: Bool
    ) {
        guard let index = answerable(streamID) else { return }
        streams[index].state.insert(.responded)
        withStatus(status, fields, adding) {
            var source = HTTP2Callbacks.bodySource(index)
            return hasBody
                ? nghttp2_submit_response(handle, streamID, fieldVector, fieldVector.count, &source)
                : nghttp2_submit_response(handle, streamID, fieldVector, fieldVector.count, nil)
        }
    }

    /// Sends an interim response, such as 100 for `head.expectsContinue`.
    public func submitInformational(_ streamID: Int32, status: Int, fields: FieldSection = FieldSection()) {
        guard answerable(streamID) != nil, (100...199).contains(status), status != 101 else { return }
        withStatus(status, fields, FieldSection()) {
            nghttp2_submit_headers(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), streamID, nil, fieldVector, fieldVector.count, nil)
        }
    }

    private func answerable(_ streamID: Int32) -> Int? {
        guard isOpen, let index = liveIndex(streamID), streams[index].state.isDisjoint(with: [.responded, .reset]) else { return nil }
        return index
    }

    private func withStatus(_ status: Int, _ fields: FieldSection, _ adding: FieldSection, _ submit: () -> Int32) {
        let digits = (
            UInt8(truncatingIfNeeded: 0x30 + status / 100 % 10), UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10),
            UInt8(truncatingIfNeeded: 0x30 + status % 10)
        )
        let result = withUnsafeBytes(of: digits) { digits in
            fields.bytes.withUnsafeBytes { bytes in
                adding.bytes.withUnsafeBytes { addingBytes in
                    fieldVector.removeAll(keepingCapacity: true)
                    fieldVector.append(HTTP2Session.pair(":status", digits))
                    appendFields(fields, bytes)
                    appendFields(adding, addingBytes)
                    return submit()
                }
            }
        }
        if result == NGHTTP2_ERR_NOMEM.rawValue { fail(.internalError) }
    }

    // MARK: Drain

    /// First step of a graceful end: GOAWAY that names no last stream, so that the client stops opening streams while those on their
    /// way are still served (RFC 9113 section 6.8). A round trip or the drain delay later: `finishShutdown`.
    public func announceShutdown() {
        guard isOpen else { return }
        nghttp2_submit_shutdown_notice(handle)
    }

    /// Second step: GOAWAY with the last stream that is served. `isFinished` once all streams are closed.
    public func finishShutdown() {
        guard isOpen else { return }
        record.ignoredAbove = min(record.ignoredAbove, record.lastStreamID)
        nghttp2_submit_goaway(
            handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), record.lastStreamID, HTTP2ErrorCode.noError.rawValue, nil, 0)
        for index in streams.liveIndices where streams[index].state.contains(.answered) { resetLive(index, .noError) }
    }

    // MARK: Requests

    override func headersBegin(_ headers: nghttp2_headers) {
        guard headers.cat == NGHTTP2_HCAT_REQUEST else { return builder.begin(.trailers) }
        let streamID = headers.hd.stream_id
        builder.begin(.request)
        let index = streams.insert(streamID: streamID)
        nghttp2_session_set_stream_user_data(handle, streamID, HTTP2StreamTable.token(index))
    }

    override func headReceived(_ index: Int, streamID: Int32, endStream: Bool) {
        guard !builder.isMalformed else { return resetLive(index, .protocolError) }
        streams[index].state.formUnion([.announced, .headReceived])
        streams[index].announced = builder.announcedBytes
        if let fault = builder.fault {
            streams[index].state.insert(.discardsBody)
            server?.requestRefused(streamID, fault)
            return
        }
        server?.requestHead(streamID, builder.makeRequest(endStream: endStream))
        if endStream, let index = liveIndex(streamID) { deliverEnd(index, streamID, trailers: nil) }
    }
}

import CNghttp2
import GatewayCore

/// What nghttp2 calls while it reads or writes. Each closure captures nothing and finds its session in `user_data`.
///
/// `user_data` is the session object, unretained; why that is safe stands where it is set (`HTTP2Session.init`). A session is never
/// entered from two sides: `receive` and `drainOutput` refuse calls from within a callback.
enum HTTP2Callbacks {
    static let failed = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    static let resetStream = NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue

    static func install(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            guard let frame else { return 0 }
            return HTTP2Callbacks.enter(user) { $0.headersBegin(frame.pointee.headers) }
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, nameLength, value, valueLength, _, user in
            HTTP2Callbacks.enter(user) {
                $0.field(
                    UnsafeRawBufferPointer(start: name, count: nameLength), UnsafeRawBufferPointer(start: value, count: valueLength))
            }
        }
        // Without this nghttp2 drops an invalid field and goes on; RFC 9113 section 8.1.1 wants the stream reset.
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, _, _, _, _, _, _, _ in HTTP2Callbacks.resetStream }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            guard let frame else { return 0 }
            return HTTP2Callbacks.enter(user) { $0.frameReceived(frame) }
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, frame, _, user in
            guard let frame else { return 0 }
            // The stream will be reset. One that was refused before it was opened is known to no table, so it is noted here.
            return HTTP2Callbacks.enter(user) { $0.peerErred(frame.pointee.hd.stream_id) }
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, streamID, data, length, user in
            HTTP2Callbacks.enter(user) { $0.bodyReceived(streamID, UnsafeRawBufferPointer(start: data, count: length)) }
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            guard let frame else { return 0 }
            return HTTP2Callbacks.enter(user) { $0.frameSent(frame) }
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, user in
            guard let frame else { return 0 }
            return HTTP2Callbacks.enter(user) { $0.frameNotSent(frame.pointee.hd) }
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, streamID, error, user in
            HTTP2Callbacks.enter(user) { $0.streamClosed(streamID, HTTP2ErrorCode(rawValue: error)) }
        }
    }

    /// How nghttp2 reads the body of a stream; `source.ptr` is the stream's token.
    static func bodySource(_ index: Int) -> nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: HTTP2StreamTable.token(index))) {
            _, streamID, target, capacity, flags, source, user in
            guard let user, let target, let flags, let index = HTTP2StreamTable.index(source?.pointee.ptr) else {
                return Int(HTTP2Callbacks.failed)
            }
            return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef {
                $0.readBody(index, streamID, into: target, capacity: capacity, flags: flags)
            }
        }
    }

    /// Runs `body` with the session, and ends nghttp2's work if the session has found a fault meanwhile.
    @inline(__always)
    private static func enter(_ user: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Void) -> Int32 {
        guard let user else { return failed }
        return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef { session in
            body(session)
            return session.faultInCallback == nil ? 0 : failed
        }
    }
}

import CNghttp2

/// A session could not be set up: memory has run out.
public struct HTTP2SetupError: Error, Sendable, Equatable {
    public init() {}
}

/// The corners of nghttp2's interface that need care in Swift.
enum NGHTTP2 {
    static let clientPrefaceBytes = 24
    static let goAwayBytes = HTTP2FrameHeader.byteCount + 8

    static let endStream = UInt8(NGHTTP2_FLAG_END_STREAM.rawValue)
    static let ack = UInt8(NGHTTP2_FLAG_ACK.rawValue)

    /// A table of callbacks that never changes once it is made; every session copies it (`nghttp2_session_server_new2`).
    private struct CallbackTable: @unchecked Sendable {
        // Safe to share between threads: written once before it is published by the static's initialiser, only read afterwards.
        let pointer: OpaquePointer
    }

    private static let callbacks: CallbackTable? = {
        var pointer: OpaquePointer?
        guard nghttp2_session_callbacks_new(&pointer) == 0, let pointer else { return nil }
        HTTP2Callbacks.install(pointer)
        return CallbackTable(pointer: pointer)
    }()

    static func makeSession(server: Bool, limits: HTTP2Limits) throws(HTTP2SetupError) -> OpaquePointer {
        var option: OpaquePointer?
        guard let callbacks, nghttp2_option_new(&option) == 0, let option else { throw HTTP2SetupError() }
        defer { nghttp2_option_del(option) }
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        nghttp2_option_set_max_outbound_ack(option, limits.outboundAcks)
        nghttp2_option_set_max_settings(option, limits.settingsEntries)
        nghttp2_option_set_max_send_header_block_length(option, 262_144)
        nghttp2_option_set_max_reserved_remote_streams(option, 0)
        // The library's own limits stand a little behind ours, which answer with the better error code.
        // nghttp2 counts every read that holds a part of a CONTINUATION header, so a header cut into nine counts nine times.
        nghttp2_option_set_max_continuations(option, HTTP2FrameHeader.byteCount * (limits.continuationFrames + 1))
        nghttp2_option_set_stream_reset_rate_limit(option, 2 * limits.abuse.reset.burst, 2 * limits.abuse.reset.perSecond)
        var session: OpaquePointer?
        let result =
            server
            ? nghttp2_session_server_new2(&session, callbacks.pointer, nil, option)
            : nghttp2_session_client_new2(&session, callbacks.pointer, nil, option)
        guard result == 0, let session else { throw HTTP2SetupError() }
        return session
    }

    static func submitSettings(_ session: OpaquePointer, server: Bool, limits: HTTP2Limits) throws(HTTP2SetupError) {
        func entry(_ id: nghttp2_settings_id, _ value: UInt32) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: value)
        }
        var entries = [
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server ? limits.maxConcurrentStreams : 0),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, UInt32(clamping: limits.headerListBytes)),
            // RFC 9218 section 2.1: no priority tree is kept, which saves its cost and its attacks.
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        if !server { entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)) }
        if limits.streamWindowBytes != 65_535 {
            entries.append(entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(clamping: limits.streamWindowBytes)))
        }
        let result = nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
        guard result == 0 else { throw HTTP2SetupError() }
    }

    /// What the peer is told when a call failed so that the session cannot go on.
    static func errorCode(ofResult result: Int32) -> HTTP2ErrorCode {
        switch result {
        case NGHTTP2_ERR_FLOODED.rawValue, NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue, NGHTTP2_ERR_TOO_MANY_SETTINGS.rawValue:
            .enhanceYourCalm
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue, NGHTTP2_ERR_SETTINGS_EXPECTED.rawValue: .protocolError
        default: .internalError
        }
    }

    /// A GOAWAY frame (RFC 9113 section 6.8) for a session that can no longer make one.
    static func goAway(lastStreamID: Int32, _ error: HTTP2ErrorCode) -> [UInt8] {
        var frame: [UInt8] = [0, 0, 8, HTTP2FrameHeader.goAway, 0, 0, 0, 0, 0]
        frame.reserveCapacity(goAwayBytes)
        withUnsafeBytes(of: lastStreamID.bigEndian) { frame.append(contentsOf: $0) }
        withUnsafeBytes(of: error.rawValue.bigEndian) { frame.append(contentsOf: $0) }
        return frame
    }
}

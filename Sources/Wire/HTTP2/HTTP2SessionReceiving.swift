import CNghttp2
import GatewayCore

/// What becomes of frames, as nghttp2 hands them up.
extension HTTP2Session {
    func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if builder.add(name, value) == .excessive { faultInCallback = .enhanceYourCalm }
    }

    func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = frame.pointee.hd
        switch header.type {
        case HTTP2FrameHeader.headers:
            guard let index = liveIndex(header.stream_id) else { return }
            let endStream = header.flags & NGHTTP2.endStream != 0
            if endStream { streams[index].state.insert(.peerEnded) }
            guard !streams[index].state.contains(.reset) else { return }
            if isTrailers(frame.pointee.headers.cat, index) {
                trailersReceived(index, header.stream_id)
            } else {
                headReceived(index, streamID: header.stream_id, endStream: endStream)
            }
        case HTTP2FrameHeader.data:
            let endStream = header.flags & NGHTTP2.endStream != 0
            if header.length == frame.pointee.data.padlen, !endStream, !counters.record(.emptyData, now: now) {
                faultInCallback = .enhanceYourCalm
                return
            }
            guard endStream, let index = liveIndex(header.stream_id) else { return }
            streams[index].state.insert(.peerEnded)
            deliverEnd(index, header.stream_id, trailers: nil)
        case HTTP2FrameHeader.settings:
            guard header.flags & NGHTTP2.ack == 0 else { return }
            judgePeerWindows()
            settingsReceived()
        case HTTP2FrameHeader.ping:
            if header.flags & NGHTTP2.ack != 0 {
                let payload = withUnsafeBytes(of: frame.pointee.ping.opaque_data) { $0.loadUnaligned(as: UInt64.self) }
                delegate?.pingAcknowledged(UInt64(bigEndian: payload))
            }
        case HTTP2FrameHeader.rstStream:
            if liveIndex(header.stream_id) != nil {
                resetReceived(header.stream_id, HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code))
            }
        case HTTP2FrameHeader.goAway:
            let goAway = frame.pointee.goaway
            delegate?.goAwayReceived(lastStreamID: goAway.last_stream_id, error: HTTP2ErrorCode(rawValue: goAway.error_code))
        default: break
        }
    }

    /// To be called before SETTINGS take effect.
    func notePeerWindows() {
        peerInitialWindow = Int64(nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE))
        widestPeerWindow = 0
        for slot in streams.slots where slot.streamID != 0 {
            widestPeerWindow = max(widestPeerWindow, Int64(nghttp2_session_get_stream_remote_window_size(handle, slot.streamID)))
        }
    }

    /// RFC 9113 section 6.9.2: SETTINGS that widen a stream's window beyond 2^31-1 end the connection. nghttp2 resets the stream only.
    private func judgePeerWindows() {
        guard isServer, streams.liveCount > 0 else { return }
        let change = Int64(nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)) - peerInitialWindow
        if widestPeerWindow + change > 0x7FFF_FFFF { faultInCallback = .flowControlError }
    }

    private func isTrailers(_ category: nghttp2_headers_category, _ index: Int) -> Bool {
        category == NGHTTP2_HCAT_HEADERS && streams[index].state.contains(.headReceived)
    }

    private func trailersReceived(_ index: Int, _ streamID: Int32) {
        if builder.isOverLimit { return resetLive(index, .enhanceYourCalm) }
        deliverEnd(index, streamID, trailers: builder.hasFields ? builder.makeSection() : nil)
    }

    func deliverEnd(_ index: Int, _ streamID: Int32, trailers: FieldSection?) {
        guard streams[index].state.isDisjoint(with: [.reset, .discardsBody]) else { return }
        delegate?.streamEnd(streamID, trailers: trailers)
    }

    func bodyReceived(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        if isServer, let index = liveIndex(streamID) {
            streams[index].received += bytes.count
            if streams[index].state.contains(.answered), streams[index].received > HTTP2ServerSession.lateBodyBytes {
                resetLive(index, .noError)
            }
        }
        guard let index = liveIndex(streamID), streams[index].state.isDisjoint(with: [.reset, .discardsBody]) else {
            nghttp2_session_consume(handle, streamID, bytes.count)
            return
        }
        // nghttp2 resets a stream whose window is overrun, but the bytes that overran it still come here.
        guard streams[index].unconsumed + bytes.count <= Int(nghttp2_session_get_stream_effective_local_window_size(handle, streamID))
        else {
            nghttp2_session_consume(handle, streamID, bytes.count)
            return
        }
        streams[index].unconsumed += bytes.count
        delegate?.streamBody(streamID, bytes)
    }

    func frameSent(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = frame.pointee.hd
        switch header.type {
        case HTTP2FrameHeader.data, HTTP2FrameHeader.headers:
            if header.type == HTTP2FrameHeader.data, header.length > 0 { counters.dataSent() }
            if !isServer, header.type == HTTP2FrameHeader.headers, let index = liveIndex(header.stream_id) {
                streams[index].state.insert(.left)
            }
            if header.flags & NGHTTP2.endStream != 0 { messageSent(header.stream_id) }
        case HTTP2FrameHeader.rstStream:
            if let index = liveIndex(header.stream_id), streams[index].state.contains(.reset) {
                record.streamReset(header.stream_id)
            } else {
                peerErred(header.stream_id)
            }
        case HTTP2FrameHeader.goAway: goAwayError = HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
        default: break
        }
    }

    /// A stream is reset, or about to be, and not by our wish. Counted once for each stream.
    func peerErred(_ streamID: Int32) {
        if record.streamReset(streamID), !counters.record(.streamError, now: now) { faultInCallback = .enhanceYourCalm }
    }

    /// A server that has answered in full lets the client stop sending what is of no use any more (RFC 9113 section 8.1), unless little is to
    /// come: a client sends that anyway, and a mistake in it is still the client's to learn (section 8.1.1).
    private func messageSent(_ streamID: Int32) {
        guard isServer, let index = liveIndex(streamID), !streams[index].state.contains(.peerEnded) else { return }
        let isLarge = max(streams[index].announced, streams[index].received) > HTTP2ServerSession.lateBodyBytes
        if isLarge || streams[index].state.contains(.discardsBody) || record.ignoredAbove < .max {
            resetLive(index, .noError)
        } else {
            streams[index].state.insert(.answered)
        }
    }

    func frameNotSent(_ header: nghttp2_frame_hd) {
        guard !isServer, header.type == HTTP2FrameHeader.headers, let index = liveIndex(header.stream_id) else { return }
        streams[index].state.insert(.notSent)
        neverSent.append(header.stream_id)
    }

    func streamClosed(_ streamID: Int32, _ error: HTTP2ErrorCode) {
        guard let index = liveIndex(streamID) else { return }
        let slot = streams[index]
        streams.remove(index)
        // What was never consumed must not keep the connection's window shut.
        if slot.unconsumed > 0 { nghttp2_session_consume_connection(handle, slot.unconsumed) }
        if slot.state.contains(.announced) { delegate?.streamClosed(streamID, closure(slot, error)) }
    }
}

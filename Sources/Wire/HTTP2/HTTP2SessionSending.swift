import CNghttp2
import GatewayCore

/// What both sides send. All of it is queued; `drainOutput` gives the bytes. Nothing here calls the delegate, and every method may be
/// called from within a delegate's call. A stream that is no more is passed over in silence: the caller hears of its end anyway.
extension HTTP2Session {
    var isOpen: Bool { failure == nil && !isFinished }

    /// Queues bytes of a body that was announced with `hasBody`.
    /// - Returns: false when the stream holds `unsentHighWaterBytes` or more: pause until `streamWritable`.
    @discardableResult
    public func sendBody(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isOpen, let index = liveIndex(streamID), !streams[index].outbound.isEnded, !streams[index].state.contains(.reset) else {
            return true
        }
        streams[index].outbound.append(bytes)
        resume(index)
        guard streams[index].outbound.count >= limits.unsentHighWaterBytes else { return true }
        streams[index].state.insert(.paused)
        return false
    }

    /// Ends the body, with trailers if there are any.
    public func endBody(_ streamID: Int32, trailers: FieldSection? = nil) {
        guard isOpen, let index = liveIndex(streamID), !streams[index].outbound.isEnded else { return }
        streams[index].outbound.isEnded = true
        if let trailers, !trailers.lines.isEmpty { streams[index].outbound.trailers = trailers }
        resume(index)
    }

    /// Ends the stream with RST_STREAM; nothing more of it is delivered but `streamClosed`.
    public func reset(_ streamID: Int32, _ error: HTTP2ErrorCode) {
        guard isOpen, let index = liveIndex(streamID) else { return }
        resetLive(index, error)
    }

    func resetLive(_ index: Int, _ error: HTTP2ErrorCode) {
        guard !streams[index].state.contains(.reset) else { return }
        streams[index].state.insert(.reset)
        nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), streams[index].streamID, error.rawValue)
    }

    /// Says that `count` bytes of what `streamBody` delivered are done with; the peer may send as many more.
    public func consumed(_ streamID: Int32, _ count: Int) {
        guard isOpen, count > 0, let index = liveIndex(streamID) else { return }
        let credited = min(count, streams[index].unconsumed)
        streams[index].unconsumed -= credited
        nghttp2_session_consume(handle, streamID, credited)
    }

    /// Bytes of the stream's body that have not left.
    public func unsentBytes(_ streamID: Int32) -> Int {
        guard let index = liveIndex(streamID) else { return 0 }
        return streams[index].outbound.count
    }

    /// Sends PING; `pingAcknowledged` gives the payload back.
    public func ping(_ payload: UInt64) {
        guard isOpen else { return }
        withUnsafeBytes(of: payload.bigEndian) { bytes in
            _ = nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Streams that are open.
    public var streamCount: Int { streams.liveCount }

    private func resume(_ index: Int) {
        guard streams[index].state.contains(.deferred) else { return }
        streams[index].state.remove(.deferred)
        nghttp2_session_resume_data(handle, streams[index].streamID)
    }

    /// nghttp2 wants up to `capacity` bytes of the body.
    func readBody(
        _ index: Int, _ streamID: Int32, into target: UnsafeMutablePointer<UInt8>, capacity: Int, flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        guard index < streams.slots.count, streams[index].streamID == streamID else { return Int(HTTP2Callbacks.resetStream) }
        if streams[index].outbound.count == 0, !streams[index].outbound.isEnded {
            streams[index].state.insert(.deferred)
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        let count = streams[index].outbound.read(into: target, capacity: capacity)
        let left = streams[index].outbound.count
        if left < limits.unsentLowWaterBytes, streams[index].state.contains(.paused) {
            streams[index].state.remove(.paused)
            becameWritable.append((index, streamID))
        }
        if left == 0, streams[index].outbound.isEnded {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if let trailers = streams[index].outbound.trailers {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                submitTrailers(streamID, trailers)
            }
        }
        return count
    }

    private func submitTrailers(_ streamID: Int32, _ trailers: FieldSection) {
        trailers.bytes.withUnsafeBytes { bytes in
            fieldVector.removeAll(keepingCapacity: true)
            appendFields(trailers, bytes)
            nghttp2_submit_trailer(handle, streamID, fieldVector, fieldVector.count)
        }
    }

    // MARK: Field lists

    /// Adds the lines to `fieldVector`, whose entries point into `bytes`; they must be submitted before `bytes` goes. nghttp2 copies
    /// names and values as it takes them (no NO_COPY flag is set), and lowers the names.
    ///
    /// Connection-specific fields are left out (RFC 9113 section 8.2.2); Host is, too, where `skipHost` says so.
    func appendFields(_ section: FieldSection, _ bytes: UnsafeRawBufferPointer, skipHost: Bool = false) {
        for line in section.lines where !line.kind.isHopByHop {
            if skipHost, line.kind == .host { continue }
            fieldVector.append(
                HTTP2Session.pair(
                    UnsafeRawBufferPointer(rebasing: bytes[line.name.range]), UnsafeRawBufferPointer(rebasing: bytes[line.value.range]),
                    neverIndexed: HTTP2Session.isSensitive(line, bytes)))
        }
    }

    static func pair(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, neverIndexed: Bool = false) -> nghttp2_nv {
        nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.baseAddress?.assumingMemoryBound(to: UInt8.self)),
            value: UnsafeMutablePointer(mutating: value.baseAddress?.assumingMemoryBound(to: UInt8.self)), namelen: name.count,
            valuelen: value.count, flags: UInt8(neverIndexed ? NGHTTP2_NV_FLAG_NO_INDEX.rawValue : NGHTTP2_NV_FLAG_NONE.rawValue))
    }

    static func pair(_ name: StaticString, _ value: UnsafeRawBufferPointer) -> nghttp2_nv {
        pair(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
    }

    static func pair(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
        pair(name, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// Whether no compression table on the way may keep the value (RFC 7541 section 7.1.3).
    private static func isSensitive(_ line: FieldLine, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch line.kind {
        case .authorization, .proxyAuthorization, .countersignToken: true
        case .amazon: ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[line.name.range]), "x-amz-security-token")
        case .other:
            line.name.count == 6 && ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[line.name.range]), "cookie")
        default: false
        }
    }
}

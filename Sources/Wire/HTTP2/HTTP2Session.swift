import CNghttp2
import GatewayCore

/// One HTTP/2 connection as bytes in, bytes out: what server and client have in common. No socket, no clock, no timer.
///
/// nghttp2 does the framing, HPACK, the stream states and the windows. Around it stand the frame scanner, which counts every frame
/// and judges those that nghttp2 passes over, and the tables of streams and unsent bodies.
///
/// Not Sendable: one connection, one event loop.
public class HTTP2Session {
    public let limits: HTTP2Limits
    /// Owned: made in `init`, deleted in `deinit`.
    let handle: OpaquePointer
    let isServer: Bool

    var streams = HTTP2StreamTable()
    var builder: HTTP2HeadBuilder
    var counters: HTTP2AbuseCounters
    /// The time of the last `receive`; what frames are counted by.
    var now: UInt64 = 0
    /// Set during the calls that may call back, so that no delegate is kept alive or left dangling between them.
    var delegate: (any HTTP2SessionDelegate)?

    private var scanner: HTTP2FrameScanner
    var record = HTTP2StreamRecord()
    /// The frames of our preface, sent before anything else.
    private var preface: [UInt8] = []
    /// Why the connection ends; nothing is received or sent after it but GOAWAY.
    public private(set) var failure: HTTP2ErrorCode?
    /// nghttp2 cannot be called any more, so the last GOAWAY is ours to write.
    private var isBroken = false
    /// A fault that a callback found: nghttp2 is not to be touched until it has returned.
    var faultInCallback: HTTP2ErrorCode?
    private var isBusy = false
    /// Nothing more will be sent or received: close the connection once what was drained is written.
    public private(set) var isFinished = false
    var becameWritable: [(index: Int, streamID: Int32)] = []
    var neverSent: [Int32] = []
    /// The client's SETTINGS_INITIAL_WINDOW_SIZE and its widest stream window, both before the SETTINGS frame that is being read.
    var peerInitialWindow: Int64 = 65_535
    var widestPeerWindow: Int64 = 0
    /// The error of the last GOAWAY that nghttp2 sent.
    var goAwayError: HTTP2ErrorCode?
    var fieldVector: [nghttp2_nv] = []

    init(server: Bool, limits: HTTP2Limits) throws(HTTP2SetupError) {
        self.limits = limits
        isServer = server
        handle = try NGHTTP2.makeSession(server: server, limits: limits)
        builder = HTTP2HeadBuilder(limits: limits)
        counters = HTTP2AbuseCounters(limits.abuse)
        scanner = HTTP2FrameScanner(prefaceBytes: server ? NGHTTP2.clientPrefaceBytes : 0)
        // Unretained is safe: nghttp2 uses this pointer only to call back, and it calls back only within mem_recv, mem_send and the
        // submit functions, which are called by methods of this very object, so it is alive. `deinit` deletes the session, which calls
        // nothing back, before the object is gone.
        nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(self).toOpaque())
        try NGHTTP2.submitSettings(handle, server: server, limits: limits)
        nghttp2_session_set_local_window_size(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, limits.connectionWindowBytes)
        // RFC 9113 section 3.4: our SETTINGS come first whatever happens, a GOAWAY for a bad preface included.
        var pointer: UnsafePointer<UInt8>?
        while case let count = nghttp2_session_mem_send(handle, &pointer), count > 0, let pointer {
            preface.append(contentsOf: UnsafeBufferPointer(start: pointer, count: count))
        }
    }

    deinit { nghttp2_session_del(handle) }

    // MARK: Bytes in

    /// The number of the peer's header block that has begun and not ended, nil outside of any: what a time limit on heads is kept by.
    public var openHeaderBlock: Int? { scanner.openHeaderBlock }

    func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64, delegate: any HTTP2SessionDelegate) {
        guard failure == nil, !isFinished, !isBusy else { return }
        isBusy = true
        self.now = now
        self.delegate = delegate
        scan(bytes)
        if failure == nil, nghttp2_session_get_outbound_queue_size(handle) > limits.outboundFrames { fail(.enhanceYourCalm) }
        if let failure { closeStreams(failure) }
        self.delegate = nil
        isBusy = false
    }

    /// Gives nghttp2 runs of whole frames, as long as they can be; cut where a frame needs a look at the streams first.
    private func scan(_ bytes: UnsafeRawBufferPointer) {
        var fed = 0
        var offset = 0
        while failure == nil, let frame = scanner.next(bytes, &offset) {
            let start = max(offset - HTTP2FrameHeader.byteCount, fed)
            if let event = HTTP2StreamRecord.event(frame), !counters.record(event, now: now) {
                feed(bytes, fed..<start)
                return fail(.enhanceYourCalm)
            }
            // nghttp2 looks at the length of every frame but CONTINUATION (RFC 9113 section 4.2).
            guard frame.length <= HTTP2FrameHeader.greatestLength else {
                feed(bytes, fed..<start)
                return fail(.frameSizeError)
            }
            guard isServer else { continue }
            guard !scanner.foundSelfDependency else {
                feed(bytes, fed..<start)
                return fail(.protocolError)
            }
            switch record.admit(frame, continuationLimit: limits.continuationFrames) {
            case .pass: continue
            case .opensStream: counters.streamOpened()
            case .refuse(let error):
                feed(bytes, fed..<start)
                return fail(error)
            case .changesWindows:
                feed(bytes, fed..<start)
                fed = start
                notePeerWindows()
            case .needsStream:
                feed(bytes, fed..<start)
                fed = start
                guard failure == nil else { return }
                if nghttp2_session_get_stream_user_data(handle, frame.streamID) != nil { continue }
                if let error = record.errorForClosed(frame) { return fail(error) }
                if !counters.record(.ignoredFrame, now: now) { return fail(.enhanceYourCalm) }
            }
        }
        feed(bytes, fed..<bytes.count)
        if isServer, scanner.foundSelfDependency { fail(.protocolError) }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard failure == nil, !range.isEmpty, let base = bytes.baseAddress else { return }
        let result = nghttp2_session_mem_recv(handle, base.advanced(by: range.lowerBound).assumingMemoryBound(to: UInt8.self), range.count)
        if result < 0 { breakOff(faultInCallback ?? NGHTTP2.errorCode(ofResult: Int32(truncatingIfNeeded: result))) }
    }

    // MARK: Bytes out

    /// Whether `drainOutput` has anything to give.
    public var wantsOutput: Bool {
        if isFinished { return false }
        return failure != nil || !preface.isEmpty || nghttp2_session_want_write(handle) != 0
    }

    /// - Returns: the number of bytes given to `sink`.
    func drainOutput(limit: Int, delegate: any HTTP2SessionDelegate, _ sink: (UnsafeRawBufferPointer) -> Void) -> Int {
        guard !isFinished, !isBusy else { return 0 }
        isBusy = true
        self.delegate = delegate
        var total = 0
        if !preface.isEmpty {
            preface.withUnsafeBytes(sink)
            total += preface.count
            preface = []
        }
        total += drainFrames(limit: limit - total, sink)
        if isBroken, let failure {
            NGHTTP2.goAway(lastStreamID: isServer ? record.lastStreamID : 0, failure).withUnsafeBytes(sink)
            total += NGHTTP2.goAwayBytes
            finish(failure)
        } else if nghttp2_session_want_read(handle) == 0, nghttp2_session_want_write(handle) == 0 {
            finish(failure ?? goAwayError ?? .noError)
        }
        reportWritable()
        self.delegate = nil
        isBusy = false
        return total
    }

    private func drainFrames(limit: Int, _ sink: (UnsafeRawBufferPointer) -> Void) -> Int {
        var total = 0
        while !isBroken, total < limit {
            var pointer: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(handle, &pointer)
            if count > 0, let pointer {
                sink(UnsafeRawBufferPointer(start: pointer, count: count))
                total += count
            } else if count < 0 {
                breakOff(faultInCallback ?? NGHTTP2.errorCode(ofResult: Int32(truncatingIfNeeded: count)))
            } else if let faultInCallback {
                breakOff(faultInCallback)
            }
            if count <= 0 { break }
        }
        reportNeverSent()
        return total
    }

    private func reportWritable() {
        guard !becameWritable.isEmpty else { return }
        let waiting = becameWritable
        becameWritable.removeAll(keepingCapacity: true)
        for (index, streamID) in waiting where index < streams.slots.count && streams[index].streamID == streamID {
            delegate?.streamWritable(streamID)
        }
    }

    /// Requests that nghttp2 would not send, because of GOAWAY or because no stream identifier is left, have no stream to be closed.
    private func reportNeverSent() {
        guard !neverSent.isEmpty else { return }
        let waiting = neverSent
        neverSent.removeAll()
        for streamID in waiting {
            guard let index = liveIndex(streamID) else { continue }
            streams.remove(index)
            delegate?.streamClosed(streamID, HTTP2StreamClosure(error: .refusedStream, isUnprocessed: true))
        }
    }

    // MARK: The end

    /// The connection is gone: every stream that is left is reported closed. Call once, when the socket has closed.
    func connectionLost(delegate: any HTTP2SessionDelegate) {
        guard !isBusy, !isFinished else { return }
        isBusy = true
        self.delegate = delegate
        finish(failure ?? .internalError)
        self.delegate = nil
        isBusy = false
    }

    /// Ends the connection at once with GOAWAY; streams that are left are closed. For a connection that idles or misbehaves.
    public func terminate(_ error: HTTP2ErrorCode) { fail(error) }

    /// Nothing is read any more. If nghttp2 has already found an error of its own, in an earlier frame, its GOAWAY is the one that is sent.
    func fail(_ error: HTTP2ErrorCode) {
        guard failure == nil, !isFinished else { return }
        failure = error
        if nghttp2_session_terminate_session(handle, error.rawValue) != 0 { isBroken = true }
    }

    /// The same when nghttp2 itself has given up.
    private func breakOff(_ error: HTTP2ErrorCode) {
        failure = failure ?? error
        isBroken = true
    }

    private func finish(_ error: HTTP2ErrorCode) {
        isFinished = true
        closeStreams(error)
    }

    /// nghttp2 is not called again after this, so the tokens that it holds stay unused.
    private func closeStreams(_ error: HTTP2ErrorCode) {
        for index in streams.liveIndices {
            let slot = streams[index]
            streams.remove(index)
            guard slot.state.contains(.announced) else { continue }
            let isUnsent = isUnsent(slot)
            let error = isUnsent ? .refusedStream : error == .noError ? .cancel : error
            delegate?.streamClosed(slot.streamID, HTTP2StreamClosure(error: error, isUnprocessed: isUnsent))
        }
    }

    /// The slot of a live stream.
    func liveIndex(_ streamID: Int32) -> Int? {
        if let index = HTTP2StreamTable.index(nghttp2_session_get_stream_user_data(handle, streamID)) {
            return index < streams.slots.count && streams[index].streamID == streamID ? index : nil
        }
        // A client's stream is unknown to nghttp2 until its HEADERS are on the way.
        return isServer ? nil : streams.slots.firstIndex { $0.streamID == streamID }
    }

    // MARK: What server and client do differently

    /// A header block begins.
    func headersBegin(_ headers: nghttp2_headers) {}

    /// The header block in `builder` is complete and no trailers.
    func headReceived(_ index: Int, streamID: Int32, endStream: Bool) {}

    func settingsReceived() {}

    /// The peer sent RST_STREAM for a stream that is live.
    func resetReceived(_ streamID: Int32, _ error: HTTP2ErrorCode) {}

    /// Nothing of our message on this live stream has left, and it was ours to begin.
    func isUnsent(_ slot: HTTP2StreamSlot) -> Bool { false }

    /// How the end of a stream is reported.
    func closure(_ slot: HTTP2StreamSlot, _ error: HTTP2ErrorCode) -> HTTP2StreamClosure { HTTP2StreamClosure(error: error) }
}

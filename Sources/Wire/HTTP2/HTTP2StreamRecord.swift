/// What a server remembers of the streams that its client has opened and that are no more, and the judgement by it on frames which
/// nghttp2 1.52 drops in silence.
///
/// RFC 9113 section 5.1: frames for a stream that we reset are ignored, because the peer may not know yet; frames for one that the peer
/// itself ended are an error of type STREAM_CLOSED. Section 5.1.1: HEADERS with an identifier lower than the last and never used is a
/// PROTOCOL_ERROR. Bounded: 64 streams back for "never used", 256 for "reset by us"; beyond that the milder reading applies.
struct HTTP2StreamRecord: Sendable {
    enum Admission: Equatable {
        case pass
        case opensStream
        /// To be passed if the stream is live, else judged by `errorForClosed`.
        case needsStream
        /// SETTINGS: what it does to windows is judged by their sizes before it.
        case changesWindows
        case refuse(HTTP2ErrorCode)
    }

    /// The highest stream that the client has opened.
    private(set) var lastStreamID: Int32 = 0
    /// Bit n: stream `lastStreamID - 2n` was opened.
    private var opened: UInt64 = 0
    private var resetByUs: [Int32] = []
    private var nextReset = 0
    /// The highest stream that has left `resetByUs`.
    private var forgottenThrough: Int32 = 0
    private var continuations = 0
    /// After our final GOAWAY streams above this are ignored (section 6.8).
    var ignoredAbove: Int32 = .max

    static let resetCapacity = 256

    /// How the frame is counted. DATA without content is counted where its padding is known.
    static func event(_ frame: HTTP2FrameHeader) -> HTTP2AbuseEvent? {
        switch frame.type {
        case HTTP2FrameHeader.data, HTTP2FrameHeader.headers, HTTP2FrameHeader.pushPromise: nil
        case HTTP2FrameHeader.priority, HTTP2FrameHeader.priorityUpdate: .priority
        case HTTP2FrameHeader.rstStream: .reset
        case HTTP2FrameHeader.settings, HTTP2FrameHeader.goAway: .settings
        case HTTP2FrameHeader.ping: .ping
        case HTTP2FrameHeader.windowUpdate: .windowUpdate
        case HTTP2FrameHeader.continuation: .continuation
        default: .unknownFrame
        }
    }

    mutating func admit(_ frame: HTTP2FrameHeader, continuationLimit: Int) -> Admission {
        switch frame.type {
        case HTTP2FrameHeader.data where frame.length == 0 && frame.flags & HTTP2FrameHeader.padded != 0,
            HTTP2FrameHeader.headers where frame.length == 0 && frame.flags & HTTP2FrameHeader.padded != 0:
            // Too small for the length of the padding (section 4.2).
            return .refuse(.frameSizeError)
        case HTTP2FrameHeader.priority where frame.streamID == 0: return .refuse(.protocolError)
        case HTTP2FrameHeader.settings where frame.flags & HTTP2FrameHeader.acknowledgement == 0 && frame.length > 0: return .changesWindows
        case HTTP2FrameHeader.headers:
            continuations = 0
            guard frame.streamID & 1 == 1 else { return .pass }
            guard frame.streamID > lastStreamID else { return .needsStream }
            open(frame.streamID)
            return frame.streamID > ignoredAbove ? .pass : .opensStream
        case HTTP2FrameHeader.data:
            return frame.streamID & 1 == 1 && frame.streamID <= lastStreamID ? .needsStream : .pass
        case HTTP2FrameHeader.continuation:
            continuations += 1
            return continuations > continuationLimit ? .refuse(.enhanceYourCalm) : .pass
        default: return .pass
        }
    }

    /// The connection error for DATA or HEADERS on a stream that is not live; nil if the frame is to be ignored.
    func errorForClosed(_ frame: HTTP2FrameHeader) -> HTTP2ErrorCode? {
        let streamID = frame.streamID
        if streamID > ignoredAbove || streamID <= forgottenThrough || resetByUs.contains(streamID) { return nil }
        let distance = (lastStreamID - streamID) / 2
        if distance < 64, opened & (1 << UInt64(distance)) == 0 { return .protocolError }
        return .streamClosed
    }

    /// We sent RST_STREAM, or will. False if that was known.
    @discardableResult
    mutating func streamReset(_ streamID: Int32) -> Bool {
        guard !resetByUs.contains(streamID) else { return false }
        if resetByUs.count < HTTP2StreamRecord.resetCapacity {
            resetByUs.append(streamID)
            return true
        }
        forgottenThrough = max(forgottenThrough, resetByUs[nextReset])
        resetByUs[nextReset] = streamID
        nextReset = (nextReset + 1) % HTTP2StreamRecord.resetCapacity
        return true
    }

    private mutating func open(_ streamID: Int32) {
        let distance = (streamID - lastStreamID) / 2
        // The first stream: bit 0 alone. An odd identifier less 0 is odd, and the division drops the rest, which nothing reads.
        opened = distance >= 64 || lastStreamID == 0 ? 1 : opened << UInt64(distance) | 1
        lastStreamID = streamID
    }
}

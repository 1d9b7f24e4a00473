@testable import Wire

/// Connection, frames and streams: RFC 9113 sections 3 to 6.
extension ConformanceCase {
    static let all = framing + streams + frames + messages + compression

    private static let open = Frame.headers(1, HPACK.postBlock, end: false)
    private static let get = HPACK.getBlock

    static let framing: [ConformanceCase] = [
        .init("3.4", "a preface that is none", .goAway(.protocolError), started: false, Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
        .init("3.4", "preface with a wrong last byte", .goAway(.protocolError), started: false, Frame.preface.dropLast() + [0x0B]),
        .init("3.4", "a first frame other than SETTINGS", .goAway(.protocolError), started: false, Frame.preface + Frame.ping()),
        .init("3.4", "HEADERS before SETTINGS", .goAway(.protocolError), started: false, Frame.preface + Frame.headers(1, get)),
        .init("3.4", "SETTINGS acknowledgement as first frame", .goAway(.protocolError), started: false, Frame.preface + Frame.settingsAck),
        .init("4.1", "an unknown frame type is ignored", .accepted, Frame.raw(0x16, flags: 0xFF, stream: 0, [1, 2, 3])),
        .init("4.1", "an unknown frame type on an idle stream is ignored", .accepted, Frame.raw(0x16, stream: 9, [1, 2, 3])),
        .init("4.1", "undefined flags are ignored", .accepted, Frame.raw(6, flags: 0x16, [UInt8](repeating: 0, count: 8))),
        .init("4.1", "the reserved bit is ignored", .accepted, Frame.raw(6, stream: 0x8000_0000, [UInt8](repeating: 0, count: 8))),
        .init(
            "4.2", "DATA longer than SETTINGS_MAX_FRAME_SIZE", .goAway(.frameSizeError),
            open + Frame.data(1, [UInt8](repeating: 0, count: 16_385))),
        .init(
            "4.2", "HEADERS longer than SETTINGS_MAX_FRAME_SIZE", .goAway(.frameSizeError),
            Frame.headers(1, [UInt8](repeating: 0, count: 16_385))),
        .init(
            "4.2", "an unknown frame longer than SETTINGS_MAX_FRAME_SIZE", .goAway(.frameSizeError),
            Frame.raw(0x20, [UInt8](repeating: 0, count: 16_385))),
        .init(
            "4.2", "CONTINUATION longer than SETTINGS_MAX_FRAME_SIZE", .goAway(.frameSizeError),
            Frame.headers(1, get, endHeaders: false) + Frame.continuation(1, HPACK.field("x", String(repeating: "y", count: 16_400)))),
        .init("4.2", "DATA of exactly the greatest size", .accepted, open + Frame.data(1, [UInt8](repeating: 0, count: 16_384))),
        .init("4.3", "an undecodable header block", .goAway(.compressionError), Frame.headers(1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        .init(
            "4.3", "another frame within a header block", .goAway(.protocolError), Frame.headers(1, get, endHeaders: false) + Frame.ping()),
        .init(
            "4.3", "an unknown frame within a header block", .goAway(.protocolError),
            Frame.headers(1, get, endHeaders: false) + Frame.raw(0x20, stream: 1)),
        .init(
            "4.3", "HEADERS of another stream within a header block", .goAway(.protocolError),
            Frame.headers(1, get, endHeaders: false) + Frame.headers(3, get)),
    ]

    static let streams: [ConformanceCase] = [
        .init("5.1", "idle: DATA", .goAway(.protocolError), Frame.data(1, [1])),
        .init("5.1", "idle: RST_STREAM", .goAway(.protocolError), Frame.reset(1)),
        .init("5.1", "idle: WINDOW_UPDATE", .goAway(.protocolError), Frame.windowUpdate(1, 100)),
        .init("5.1", "idle: CONTINUATION", .goAway(.protocolError), Frame.continuation(1, get)),
        .init("5.1", "idle: PRIORITY is lawful", .accepted, Frame.priority(5)),
        .init("5.1", "half-closed (remote): DATA", .goAway(.streamClosed), Frame.headers(1, get) + Frame.data(1, [1], end: true)),
        .init("5.1", "half-closed (remote): HEADERS", .goAway(.streamClosed), Frame.headers(1, get) + Frame.headers(1, get)),
        .init("5.1", "half-closed (remote): CONTINUATION", .goAway(.protocolError), Frame.headers(1, get) + Frame.continuation(1, get)),
        .init(
            "5.1", "half-closed (remote): WINDOW_UPDATE, PRIORITY and RST_STREAM are lawful", .accepted,
            Frame.headers(1, get) + Frame.windowUpdate(1, 5) + Frame.priority(1) + Frame.reset(1)),
        .init("5.1", "closed by END_STREAM: DATA", .goAway(.streamClosed), answers: true, Frame.headers(1, get) + Frame.data(1, [1])),
        .init("5.1", "closed by END_STREAM: HEADERS", .goAway(.streamClosed), answers: true, Frame.headers(1, get) + Frame.headers(1, get)),
        .init(
            "5.1", "closed by END_STREAM: CONTINUATION", .goAway(.protocolError), answers: true,
            Frame.headers(1, get) + Frame.continuation(1, get)),
        .init(
            "5.1", "closed by END_STREAM: WINDOW_UPDATE, PRIORITY and RST_STREAM are lawful", .accepted, answers: true,
            Frame.headers(1, get) + Frame.windowUpdate(1, 5) + Frame.priority(1) + Frame.reset(1)),
        .init("5.1", "closed by RST_STREAM: DATA", .goAway(.streamClosed), open + Frame.reset(1) + Frame.data(1, [1])),
        .init("5.1", "closed by RST_STREAM: HEADERS", .goAway(.streamClosed), open + Frame.reset(1) + Frame.headers(1, get)),
        .init("5.1", "closed by RST_STREAM: CONTINUATION", .goAway(.protocolError), open + Frame.reset(1) + Frame.continuation(1, get)),
        .init("5.1.1", "a client's stream with an even identifier", .goAway(.protocolError), Frame.headers(2, get)),
        .init(
            "5.1.1", "an identifier lower than the last and never used", .goAway(.protocolError),
            Frame.headers(5, get) + Frame.headers(3, get)),
        .init(
            "5.1.1", "the same when streams are answered", .goAway(.protocolError), answers: true,
            Frame.headers(5, get) + Frame.headers(3, get)),
        .init(
            "5.1.1", "gaps in identifiers are lawful", .accepted, Frame.headers(1, get) + Frame.headers(9, get) + Frame.headers(301, get)),
        .init(
            "7540 5.3.1", "a stream that depends on itself, by HEADERS", .goAway(.protocolError),
            Frame.raw(1, flags: 0x25, stream: 1, Frame.big(1) + [16] + get)),
        .init("7540 5.3.1", "a stream that depends on itself, by PRIORITY", .goAway(.protocolError), Frame.priority(3, dependsOn: 3)),
        .init(
            "5.5", "HEADERS with priority fields", .accepted,
            Frame.raw(1, flags: 0x25, stream: 1, Frame.big(0) + [16] + get)),
    ]

    static let frames: [ConformanceCase] = [
        .init("6.1", "DATA on stream 0", .goAway(.protocolError), Frame.data(0, [1])),
        .init(
            "6.1", "DATA with padding as long as the frame", .goAway(.protocolError),
            open + Frame.raw(0, flags: 9, stream: 1, [6, 1, 2, 3, 4, 5])),
        .init("6.1", "padded DATA without a length", .goAway(.frameSizeError), open + Frame.raw(0, flags: 9, stream: 1, [])),
        .init("6.1", "DATA that is all padding is lawful", .accepted, open + Frame.raw(0, flags: 9, stream: 1, [5, 1, 2, 3, 4, 5])),
        .init("6.2", "HEADERS on stream 0", .goAway(.protocolError), Frame.headers(0, get)),
        .init(
            "6.2", "HEADERS with padding longer than the frame", .goAway(.protocolError), Frame.raw(1, flags: 0x0D, stream: 1, [200] + get)),
        .init(
            "6.2", "HEADERS too short for their priority fields", .goAway(.frameSizeError), Frame.raw(1, flags: 0x25, stream: 1, [0, 0])),
        .init("6.3", "PRIORITY on stream 0", .goAway(.protocolError), Frame.priority(0)),
        .init("6.3", "PRIORITY of a wrong length", .goAway(.frameSizeError), Frame.raw(2, stream: 1, [0, 0, 0, 0])),
        .init("6.4", "RST_STREAM on stream 0", .goAway(.protocolError), Frame.reset(0)),
        .init("6.4", "RST_STREAM of a wrong length", .goAway(.frameSizeError), open + Frame.raw(3, stream: 1, [0, 0, 0])),
        .init("6.5", "SETTINGS acknowledgement with content", .goAway(.frameSizeError), Frame.raw(4, flags: 1, [0, 3, 0, 0, 0, 1])),
        .init("6.5", "SETTINGS on a stream", .goAway(.protocolError), Frame.raw(4, stream: 1, [0, 3, 0, 0, 0, 1])),
        .init("6.5", "SETTINGS of a length that is no multiple of six", .goAway(.frameSizeError), Frame.raw(4, [0, 3, 0])),
        .init("6.5", "an acknowledgement of nothing", .goAway(.protocolError), Frame.settingsAck),
        .init("6.5.2", "ENABLE_PUSH other than 0 and 1", .goAway(.protocolError), Frame.settings([(2, 2)])),
        .init("6.5.2", "INITIAL_WINDOW_SIZE above 2^31-1", .goAway(.flowControlError), Frame.settings([(4, 0x8000_0000)])),
        .init("6.5.2", "MAX_FRAME_SIZE below 16,384", .goAway(.protocolError), Frame.settings([(5, 16_383)])),
        .init("6.5.2", "MAX_FRAME_SIZE above 2^24-1", .goAway(.protocolError), Frame.settings([(5, 16_777_216)])),
        .init("6.5.2", "an unknown setting is ignored", .accepted, Frame.settings([(0xFF, 1)])),
        .init("6.5.3", "SETTINGS are acknowledged", .accepted, Frame.settings([(3, 10)])),
        .init("6.6", "PUSH_PROMISE from a client", .goAway(.protocolError), open + Frame.raw(5, flags: 4, stream: 1, Frame.big(2) + get)),
        .init("6.7", "PING on a stream", .goAway(.protocolError), Frame.raw(6, stream: 1, [UInt8](repeating: 0, count: 8))),
        .init("6.7", "PING of a wrong length", .goAway(.frameSizeError), Frame.raw(6, [0, 0, 0])),
        .init("6.8", "GOAWAY on a stream", .goAway(.protocolError), Frame.raw(7, stream: 1, [UInt8](repeating: 0, count: 8))),
        .init("6.8", "GOAWAY too short", .goAway(.frameSizeError), Frame.raw(7, [0, 0, 0, 0])),
        .init("6.9", "WINDOW_UPDATE of 0 for the connection", .goAway(.protocolError), Frame.windowUpdate(0, 0)),
        .init("6.9", "WINDOW_UPDATE of 0 for a stream", .goAway(.protocolError), open + Frame.windowUpdate(1, 0)),
        .init("6.9", "WINDOW_UPDATE of a wrong length", .goAway(.frameSizeError), Frame.raw(8, [0, 0, 1])),
        .init(
            "6.9.1", "the connection's window beyond 2^31-1", .goAway(.flowControlError),
            Frame.windowUpdate(0, 0x7FFF_FFFF) + Frame.windowUpdate(0, 0x7FFF_FFFF)),
        .init(
            "6.9.1", "a stream's window beyond 2^31-1", .reset(1, .flowControlError),
            open + Frame.windowUpdate(1, 0x7FFF_FFFF) + Frame.windowUpdate(1, 0x7FFF_FFFF)),
        .init(
            "6.9.1", "more DATA than the stream's window", .reset(1, .flowControlError),
            open + (0..<5).flatMap { _ in Frame.data(1, [UInt8](repeating: 0, count: 16_384)) }),
        .init(
            "6.9.2", "a stream's window beyond 2^31-1 by SETTINGS", .goAway(.flowControlError),
            open + Frame.windowUpdate(1, 0x7FFF_0000) + Frame.settings([(4, 0x7FFF_FFFF)])),
        .init(
            "6.10", "CONTINUATION on stream 0", .goAway(.protocolError),
            Frame.headers(1, get, endHeaders: false) + Frame.continuation(0, [])),
        .init(
            "6.10", "CONTINUATION of another stream", .goAway(.protocolError),
            Frame.headers(1, get, endHeaders: false) + Frame.continuation(3, [])),
        .init("6.10", "CONTINUATION behind a complete header block", .goAway(.protocolError), open + Frame.continuation(1, get)),
        .init("6.10", "CONTINUATION behind DATA", .goAway(.protocolError), open + Frame.data(1, [1]) + Frame.continuation(1, get)),
        .init(
            "6.10", "a block in three frames", .accepted,
            Frame.headers(1, Array(get[..<3]), endHeaders: false) + Frame.continuation(1, Array(get[3..<9]), endHeaders: false)
                + Frame.continuation(1, Array(get[9...]))),
    ]
}

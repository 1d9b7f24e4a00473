import GatewayCore
import Testing

@testable import Wire

@Suite struct HTTP2AbuseCountersTests {
    static let second: UInt64 = 1_000_000_000

    private func admits(_ counters: inout HTTP2AbuseCounters, _ event: HTTP2AbuseEvent, now: UInt64) -> Bool {
        counters.record(event, now: now)
    }

    @Test(arguments: HTTP2AbuseEvent.allCases)
    func aBurstPassesAndNoMore(_ event: HTTP2AbuseEvent) {
        let thresholds = HTTP2AbuseThresholds()
        var counters = HTTP2AbuseCounters(thresholds)
        for _ in 0..<thresholds[event].burst { #expect(admits(&counters, event, now: 7)) }
        #expect(!admits(&counters, event, now: 7))
        for other in HTTP2AbuseEvent.allCases where other != event { #expect(admits(&counters, other, now: 7)) }
    }

    @Test(arguments: HTTP2AbuseEvent.allCases)
    func theRateIsLetThroughForEver(_ event: HTTP2AbuseEvent) {
        let thresholds = HTTP2AbuseThresholds()
        var counters = HTTP2AbuseCounters(thresholds)
        let interval = Self.second / thresholds[event].perSecond + 1
        for count in 0..<10_000 as Range<UInt64> { #expect(admits(&counters, event, now: count * interval)) }
    }

    @Test(arguments: HTTP2AbuseEvent.allCases)
    func aRestFillsTheBucketToTheBurstOnly(_ event: HTTP2AbuseEvent) {
        let thresholds = HTTP2AbuseThresholds()
        var counters = HTTP2AbuseCounters(thresholds)
        while counters.record(event, now: 0) {}
        let later = 86_400 * Self.second
        for _ in 0..<thresholds[event].burst { #expect(admits(&counters, event, now: later)) }
        #expect(!admits(&counters, event, now: later))
    }

    @Test func creditsMakeRoomAndAreBounded() {
        var thresholds = HTTP2AbuseThresholds()
        thresholds.windowUpdate = HTTP2AbuseThreshold(burst: 5, perSecond: 0)
        var counters = HTTP2AbuseCounters(thresholds)
        counters.credit(.windowUpdate, 100)
        for _ in 0..<5 { #expect(admits(&counters, .windowUpdate, now: 1)) }
        #expect(!admits(&counters, .windowUpdate, now: 1))
        counters.dataSent()
        for _ in 0..<4 { #expect(admits(&counters, .windowUpdate, now: 1)) }
        #expect(!admits(&counters, .windowUpdate, now: 1))
    }
}

struct Flood: CustomTestStringConvertible, Sendable {
    var name: String
    /// Sent once, before the flood.
    var before: [UInt8] = []
    /// The bytes of the n-th repetition.
    var step: @Sendable (UInt32) -> [UInt8]
    /// Meets the limit on open streams first if our RST_STREAM cannot leave in between.
    var fillsStreams: Bool { name.hasSuffix("make us reset") || name.hasSuffix("makes us reset") }
    var testDescription: String { name }
}

@Suite struct HTTP2FloodTests {
    static let open = Frame.headers(1, HPACK.postBlock, end: false)
    static let floods: [Flood] = [
        Flood(name: "PING") { _ in Frame.ping() },
        Flood(name: "PING acknowledgements") { _ in Frame.ping(ack: true) },
        Flood(name: "SETTINGS") { _ in Frame.settings([(4, 65_535)]) },
        Flood(name: "empty SETTINGS") { _ in Frame.settings() },
        Flood(name: "empty DATA", before: open) { _ in Frame.data(1, []) },
        Flood(name: "DATA that is all padding", before: open) { _ in Frame.raw(0, flags: 8, stream: 1, [2, 0, 0]) },
        Flood(name: "WINDOW_UPDATE of the connection") { _ in Frame.windowUpdate(0, 1) },
        Flood(name: "WINDOW_UPDATE of a stream", before: open) { _ in Frame.windowUpdate(1, 1) },
        Flood(name: "PRIORITY") { Frame.priority(2 * $0 + 1) },
        Flood(name: "PRIORITY_UPDATE") { _ in Frame.raw(0x10, Frame.big(1) + Array("u=1".utf8)) },
        Flood(name: "unknown frames") { _ in Frame.raw(0x77, [1]) },
        Flood(name: "GOAWAY", before: open) { _ in Frame.goAway() },
        Flood(name: "rapid reset") { Frame.headers(2 * $0 + 1, HPACK.getBlock) + Frame.reset(2 * $0 + 1) },
        Flood(name: "requests that make us reset") { Frame.headers(2 * $0 + 1, HPACK.block(HPACK.get + [("te", "x")])) },
        Flood(name: "content that makes us reset") {
            Frame.headers(2 * $0 + 1, HPACK.block(HPACK.post + [("content-length", "1")]), end: false)
                + Frame.data(2 * $0 + 1, [], end: true)
        },
        Flood(name: "DATA for a stream that was reset", before: open + Frame.windowUpdate(1, 0x7FFF_FFFF)) { _ in Frame.data(1, [1]) },
        Flood(name: "CONTINUATION", before: Frame.headers(1, [], endHeaders: false)) { _ in Frame.continuation(1, [0x20], endHeaders: false)
        },
        Flood(name: "empty CONTINUATION", before: Frame.headers(1, [], endHeaders: false)) { _ in
            Frame.continuation(1, [], endHeaders: false)
        },
    ]

    /// Both ways: a peer that reads our answers, and one that does not.
    @Test(arguments: floods, [true, false])
    func endsWithEnhanceYourCalm(_ flood: Flood, reads: Bool) throws {
        let client = try RawClient()
        client.start()
        client.send(flood.before)
        var repetitions: UInt32 = 0
        while !client.session.isFinished, repetitions < 10_000 {
            let bytes = flood.step(repetitions)
            repetitions += 1
            if reads { client.send(bytes) } else { client.session.take(bytes, client.recorder) }
            if client.session.failure != nil { break }
        }
        client.drain()
        #expect(client.goAway == .enhanceYourCalm || (flood.fillsStreams && !reads && client.goAway == .protocolError))
        #expect(client.session.isFinished)
        #expect(client.session.streamCount == 0)
        #expect(repetitions <= 3000 || flood.fillsStreams)
    }

    /// All repetitions in one read end as early as in many.
    @Test(arguments: floods)
    func endsInOneRead(_ flood: Flood) throws {
        let client = try RawClient()
        client.start()
        client.send(flood.before)
        client.send((0..<4000).flatMap(flood.step))
        #expect(client.goAway == .enhanceYourCalm || (flood.fillsStreams && client.goAway == .protocolError))
        #expect(client.sent.count < 2500)
    }

    /// A header block that unpacks to far more than it holds: 4,000 bytes in the table, named a byte at a time.
    @Test func aHeaderBombIsCutShort() throws {
        let client = try RawClient()
        client.start()
        let seed = [0x40] + HPACK.string(Array("x".utf8)) + HPACK.string([UInt8](repeating: 0x61, count: 4000))
        client.send(Frame.headers(1, HPACK.getBlock + seed + [UInt8](repeating: 0xBE, count: 10_000)))
        #expect(client.goAway == .enhanceYourCalm)
        #expect(client.recorder.log.isEmpty)
    }
}

/// What clients do in good faith trips nothing.
@Suite struct HTTP2GoodFaithTests {
    @Test func aBrowserStarts() throws {
        let client = try RawClient()
        client.recorder.answer = { [unowned client] id, _ in
            client.session.submitResponse(id, status: 204, fields: FieldSection(), hasBody: false)
        }
        client.send(
            Frame.preface + Frame.settings([(1, 65_536), (2, 0), (4, 6_291_456), (6, 262_144)]) + Frame.windowUpdate(0, 15_663_105)
                + Frame.settingsAck)
        for stream: UInt32 in [3, 5, 7, 9, 11, 13] { client.send(Frame.priority(stream)) }
        for request in 0..<2000 as Range<UInt32> {
            let stream = 15 + 2 * request
            client.send(Frame.headers(stream, HPACK.getBlock) + Frame.windowUpdate(stream, 12_451_840) + Frame.priority(stream))
        }
        #expect(client.goAway == nil)
        #expect(client.recorder.log.count == 2000)
    }

    @Test func aPageIsCancelled() throws {
        let client = try RawClient()
        client.start()
        for stream in 0..<100 as Range<UInt32> { client.send(Frame.headers(2 * stream + 1, HPACK.getBlock)) }
        for stream in 0..<100 as Range<UInt32> { client.send(Frame.reset(2 * stream + 1)) }
        #expect(client.goAway == nil)
        #expect(client.session.streamCount == 0)
    }

    /// A download of 64 MiB with an acknowledgement of every frame, on the stream and on the connection.
    @Test func aLongDownload() throws {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.getBlock))
        client.session.submitResponse(1, status: 200, fields: FieldSection(), hasBody: true)
        let piece = [UInt8](repeating: 7, count: 16_384)
        var received = 0
        for _ in 0..<4096 {
            piece.withUnsafeBytes { _ = client.session.sendBody(1, $0) }
            client.sent.removeAll()
            client.drain()
            for frame in client.sent where frame.type == 0 {
                received += frame.payload.count
                client.send(Frame.windowUpdate(0, UInt32(frame.payload.count)) + Frame.windowUpdate(1, UInt32(frame.payload.count)))
            }
        }
        #expect(client.goAway == nil)
        #expect(received == 4096 * 16_384)
    }
}

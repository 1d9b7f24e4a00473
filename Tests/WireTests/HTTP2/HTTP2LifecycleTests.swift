import GatewayCore
import Testing

@testable import Wire

@Suite struct HTTP2LifecycleTests {
    private static let refused = HTTP2StreamClosure(error: .refusedStream, isUnprocessed: true)

    /// A client session that has three requests on their way, fed with a server's raw frames.
    private func clientWithRequests(_ frames: [UInt8], count: Int = 3) throws -> (HTTP2ClientSession, Recorder) {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        for _ in 0..<count { _ = client.submitRequest(Pair.head("DELETE", "/"), isSecure: true, hasBody: false) }
        client.drainOutput(delegate: recorder) { _ in }
        (Frame.settings() + Frame.settingsAck + frames).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
        client.drainOutput(delegate: recorder) { _ in }
        return (client, recorder)
    }

    // MARK: Drain

    @Test func aServerDrainsInTwoSteps() throws {
        let pair = try Pair()
        let first = try #require(pair.client.submitRequest(Pair.head("GET", "/1"), isSecure: true, hasBody: false))
        pair.pump()
        pair.server.announceShutdown()
        // A request that crosses the notice on the wire is still served.
        let second = try #require(pair.client.submitRequest(Pair.head("GET", "/2"), isSecure: true, hasBody: false))
        pair.pump()
        #expect(pair.atClient.goAwayLast == [Int32.max])
        #expect(pair.client.availableStreams == 0)
        pair.server.finishShutdown()
        pair.pump()
        #expect(pair.atClient.goAwayLast == [Int32.max, second])
        #expect(pair.atClient.goAways == [.noError, .noError])
        #expect(!pair.server.isFinished)
        for id in [first, second] { pair.server.submitResponse(id, status: 204, fields: FieldSection(), hasBody: false) }
        pair.pump()
        for id in [first, second] { #expect(pair.atClient.log[id]?.status == 204) }
        #expect(pair.server.isFinished)
        #expect(pair.client.isFinished)
    }

    @Test func streamsBehindTheFinalGoAwayAreIgnored() throws {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.getBlock))
        client.session.finishShutdown()
        client.drain()
        client.send(Frame.headers(3, HPACK.postBlock, end: false) + Frame.data(3, [1]) + Frame.headers(3, HPACK.getBlock))
        #expect(client.recorder.log[3] == nil)
        #expect(client.goAway == .noError)
        client.session.submitResponse(1, status: 204, fields: FieldSection(), hasBody: false)
        client.drain()
        #expect(client.recorder.log[1]?.closed == HTTP2StreamClosure(error: .noError))
        #expect(client.session.isFinished)
    }

    @Test func aClientShutsDown() throws {
        let pair = try Pair()
        let id = try #require(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false))
        pair.pump()
        pair.client.finishShutdown()
        #expect(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false) == nil)
        pair.pump()
        #expect(!pair.client.isFinished)
        pair.server.submitResponse(id, status: 204, fields: FieldSection(), hasBody: false)
        pair.pump()
        #expect(pair.atClient.log[id]?.status == 204)
        #expect(pair.client.isFinished && pair.server.isFinished)
    }

    @Test func identifiersRunOut() throws {
        let client = try HTTP2ClientSession(firstStreamID: Int32.max - 2)
        let recorder = Recorder()
        #expect(!client.isExhausted && client.availableStreams > 0)
        let last = [
            client.submitRequest(Pair.head("GET", "/1"), isSecure: true, hasBody: false),
            client.submitRequest(Pair.head("GET", "/2"), isSecure: true, hasBody: false),
        ]
        #expect(last == [Int32.max - 2, Int32.max])
        #expect(client.isExhausted && client.availableStreams == 0)
        #expect(client.submitRequest(Pair.head("GET", "/3"), isSecure: true, hasBody: false) == nil)
        client.drainOutput(delegate: recorder) { _ in }
        // Those that are under way are not harmed.
        #expect(client.streamCount == 2 && client.failure == nil && recorder.log.isEmpty)
    }

    @Test func theServersLimitIsTheLimit() throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        #expect(client.streamLimit == 100 && !client.hasServerSettings)
        #expect(try HTTP2ClientSession(assumedStreams: 1).availableStreams == 1)
        client.drainOutput(delegate: recorder) { _ in }
        Frame.settings([(3, 7)]).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
        #expect(client.streamLimit == 7 && client.availableStreams == 7)
        Frame.settings([(3, 1_000_000)]).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
        #expect(client.streamLimit == 100)
        Frame.settings([(3, 0)]).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
        #expect(client.streamLimit == 0 && client.availableStreams == 0)
    }

    /// Of two requests one has left; the connection is lost in each of the ways in which it can be.
    @Test(arguments: ["lost", "terminated", "malformed"]) func whatHasNotLeftMayBeSentAgain(how: String) throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        let first = try #require(client.submitRequest(Pair.head("DELETE", "/1"), isSecure: true, hasBody: false))
        client.drainOutput(delegate: recorder) { _ in }
        let second = try #require(client.submitRequest(Pair.head("DELETE", "/2"), isSecure: true, hasBody: false))
        #expect(client.hasLeft(first) && !client.hasLeft(second) && client.hasLeft(99))
        switch how {
        case "terminated":
            client.terminate(.internalError)
            client.drainOutput(delegate: recorder) { _ in }
            client.connectionLost(delegate: recorder)
        case "malformed":
            // Twice the length of the largest frame that is allowed.
            Frame.raw(0, stream: 1, [], length: 40_000).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
            client.connectionLost(delegate: recorder)
        default: client.connectionLost(delegate: recorder)
        }
        let closed = try #require(recorder.log[first]?.closed)
        #expect(!closed.isUnprocessed && closed.error != .refusedStream)
        #expect(recorder.log[second]?.closed == Self.refused)
    }

    @Test func aPartOfARequestThatHasLeftIsEnough() throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        let id = try #require(client.submitRequest(Pair.head("POST", "/1"), isSecure: true, hasBody: true))
        // The preface, then HEADERS; no later frame tells nghttp2 that these are out.
        client.drainOutput(limit: 1, delegate: recorder) { _ in }
        #expect(!client.hasLeft(id))
        client.drainOutput(limit: 1, delegate: recorder) { _ in }
        #expect(client.hasLeft(id))
        client.connectionLost(delegate: recorder)
        #expect(recorder.log[id]?.closed?.isUnprocessed == false)
    }

    /// What the server reset is told apart from what was reset here for its mistakes.
    @Test(arguments: [true, false]) func theServersResetIsTold(byServer: Bool) throws {
        let bad: [UInt8] = [0x88, 0x00, 0x01, 0x41, 0x01, 0x62]  // A name in upper case.
        let (client, recorder) = try clientWithRequests(byServer ? Frame.reset(3) : Frame.headers(3, bad))
        #expect(client.failure == nil && client.streamCount == 2)
        #expect(recorder.resets == (byServer ? [3: HTTP2ErrorCode.cancel] : [:]))
        #expect(recorder.log[3]?.closed == HTTP2StreamClosure(error: byServer ? .cancel : .protocolError))
    }

    // MARK: What may be sent again

    @Test func streamsAboveTheLastOfGoAwayAreUnprocessed() throws {
        let (client, recorder) = try clientWithRequests(Frame.goAway(last: 1))
        #expect(recorder.log[1]?.closed == nil)
        #expect(recorder.log[3]?.closed == Self.refused)
        #expect(recorder.log[5]?.closed == Self.refused)
        #expect(client.streamCount == 1)
        #expect(client.availableStreams == 0)
    }

    @Test func aRefusedStreamIsUnprocessedAndOthersAreNot() throws {
        let (_, recorder) = try clientWithRequests(Frame.reset(1, 7) + Frame.reset(3, 8) + Frame.reset(5, 2))
        #expect(recorder.log[1]?.closed == Self.refused)
        #expect(recorder.log[3]?.closed == HTTP2StreamClosure(error: .cancel))
        #expect(recorder.log[5]?.closed == HTTP2StreamClosure(error: .internalError))
    }

    @Test func aStreamThatWasAnsweredIsNotUnprocessed() throws {
        let answer = Frame.headers(1, HPACK.field(":status", "200"), end: false)
        let (_, recorder) = try clientWithRequests(answer + Frame.reset(1, 7))
        #expect(recorder.log[1]?.status == 200)
        #expect(recorder.log[1]?.closed == HTTP2StreamClosure(error: .refusedStream))
    }

    @Test func aRequestThatNeverLeftIsUnprocessed() throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        client.drainOutput(delegate: recorder) { _ in }
        let id = try #require(client.submitRequest(Pair.head("DELETE", "/"), isSecure: true, hasBody: true))
        (Frame.settings() + Frame.goAway(last: 0)).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
        client.drainOutput(delegate: recorder) { _ in }
        #expect(recorder.log[id]?.closed == Self.refused)
        #expect(client.streamCount == 0)
        #expect(client.isFinished)
    }

    @Test func aRequestThatIsCancelledBeforeItLeftIsClosed() throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        let id = try #require(client.submitRequest(Pair.head("DELETE", "/"), isSecure: true, hasBody: false))
        client.reset(id, .cancel)
        var bytes: [UInt8] = []
        client.drainOutput(delegate: recorder) { bytes.append(contentsOf: $0) }
        #expect(recorder.log[id]?.closed != nil)
        #expect(client.streamCount == 0)
        #expect(!SentFrame.parse(Array(bytes.dropFirst(24))).contains { $0.type == 1 })
    }

    @Test func aLostConnectionClosesItsStreams() throws {
        let (client, recorder) = try clientWithRequests([])
        client.connectionLost(delegate: recorder)
        for id: Int32 in [1, 3, 5] { #expect(recorder.log[id]?.closed == HTTP2StreamClosure(error: .internalError)) }
        #expect(client.isFinished && client.streamCount == 0)
        #expect(!client.wantsOutput)
        let server = try RawClient()
        server.start()
        server.send(Frame.headers(1, HPACK.getBlock))
        server.session.connectionLost(delegate: server.recorder)
        #expect(server.recorder.log[1]?.closed == HTTP2StreamClosure(error: .internalError))
        server.session.submitResponse(1, status: 204, fields: FieldSection(), hasBody: false)
        #expect(!server.session.wantsOutput)
    }

    // MARK: Limits and settings

    @Test func theServersLimitOnStreamsIsKept() throws {
        var limits = HTTP2Limits()
        limits.maxConcurrentStreams = 3
        let pair = try Pair(server: limits)
        #expect(pair.client.availableStreams == 100)
        pair.pump()
        #expect(pair.atClient.settings == 1)
        #expect(pair.client.availableStreams == 3)
        for _ in 0..<3 { #expect(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false) != nil) }
        #expect(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false) == nil)
        pair.pump()
        pair.server.submitResponse(1, status: 204, fields: FieldSection(), hasBody: false)
        pair.pump()
        #expect(pair.client.availableStreams == 1)
    }

    @Test func streamsBeyondTheLimitAreRefusedBeforeTheClientKnowsIt() throws {
        let client = try RawClient()
        client.send(Frame.preface + Frame.settings())
        for stream in 0..<101 as Range<UInt32> {
            client.send(Frame.headers(2 * stream + 1, HPACK.postBlock, end: false) + Frame.data(2 * stream + 1, [1]))
        }
        #expect(client.reset(201) == .refusedStream)
        #expect(client.recorder.log[201] == nil)
        #expect(client.session.streamCount == 100)
        #expect(client.goAway == nil)
    }

    @Test func pingComesBack() throws {
        let pair = try Pair()
        pair.client.ping(0x0102_0304_0506_0708)
        pair.server.ping(7)
        pair.pump()
        #expect(pair.atClient.pings == [0x0102_0304_0506_0708])
        #expect(pair.atServer.pings == [7])
    }

    /// Literals "never indexed" (RFC 7541 section 6.2.3) start with 0001; a second request is as long as the first in these fields.
    @Test func secretsAreNeverIndexed() throws {
        let client = try HTTP2ClientSession()
        let recorder = Recorder()
        func block(_ fields: [(String, String)]) -> [UInt8] {
            _ = client.submitRequest(Pair.head("GET", "/", fields), isSecure: true, hasBody: false)
            var bytes: [UInt8] = []
            client.drainOutput(delegate: recorder) { bytes.append(contentsOf: $0) }
            return SentFrame.parse(bytes.starts(with: Frame.preface) ? Array(bytes.dropFirst(24)) : bytes).last?.payload ?? []
        }
        let plain = block([])
        #expect(block([]).count < plain.count)
        for name in ["authorization", "x-amz-security-token", "x-countersign-token", "proxy-authorization"]
        where name != "proxy-authorization" {
            let value = String(repeating: "q", count: 40)
            let sizes = (0..<3).map { _ in block([(name, value)]).count }
            #expect(Set(sizes).count == 1, "\(name)")
            #expect(block([(name, value)]).contains { $0 & 0xF0 == 0x10 })
        }
        let sizes = (0..<2).map { _ in block([("x-open", String(repeating: "q", count: 40))]).count }
        #expect(sizes[1] < sizes[0])
    }

    // MARK: Requests that are answered with an error, and early answers

    @Test(
        arguments: [
            ([(":path", "/a#b")], .fragmentInTarget), ([(":path", "/a\"b")], .invalidTarget), ([(":path", "/\u{e9}")], .invalidTarget),
            ([(":method", "OPTIONS"), (":path", "*")], .unsupportedTargetForm), ([(":scheme", "ftp")], .unsupportedTargetForm),
            ([(":method", String(repeating: "M", count: 33))], .methodTooLong), ([(":authority", "a:123456")], .invalidHost),
            ([(":authority", "user@gateway.test")], .invalidHost), ([("expect", "200-ok")], .unsupportedExpectation),
            ([(":path", "/" + String(repeating: "a", count: 8192))], .requestLineTooLong),
        ] as [([(String, String)], HTTP1Error.Kind)])
    func lawfulAndRefused(_ changes: [(String, String)], _ kind: HTTP1Error.Kind) throws {
        var fields = HPACK.get
        for (name, value) in changes {
            if let index = fields.firstIndex(where: { $0.0 == name }) { fields[index].1 = value } else { fields.append((name, value)) }
        }
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.block(fields)))
        #expect(client.recorder.log[1] == StreamLog(refused: HTTP1Error(kind)))
        client.session.submitResponse(1, status: 400, fields: FieldSection(), hasBody: false)
        client.drain()
        #expect(client.recorder.log[1]?.closed == HTTP2StreamClosure(error: .noError))
    }

    @Test func connectIsRefused() throws {
        let client = try RawClient()
        client.start()
        client.send(
            Frame.headers(1, HPACK.block([(":method", "CONNECT"), (":authority", "a.test:443")]), end: false) + Frame.data(1, [1, 2]))
        #expect(client.recorder.log[1]?.refused == HTTP1Error(.unsupportedTargetForm))
        #expect(client.recorder.log[1]?.body == [])
    }

    @Test(arguments: [(fields: 101, bytes: 1, HTTP1Error.Kind.tooManyFields), (fields: 20, bytes: 4000, .headTooLarge)])
    func headsBeyondTheLimits(_ fields: Int, _ bytes: Int, _ kind: HTTP1Error.Kind) throws {
        let client = try RawClient()
        client.start()
        let block = HPACK.getBlock + (0..<fields).flatMap { HPACK.field("x-\($0)", String(repeating: "v", count: bytes)) }
        let cut = min(block.count, 16_000)
        var frames = Frame.headers(1, Array(block[..<cut]), endHeaders: cut == block.count)
        var offset = cut
        while offset < block.count {
            let end = min(offset + 16_000, block.count)
            frames += Frame.continuation(1, Array(block[offset..<end]), endHeaders: end == block.count)
            offset = end
        }
        client.send(frames)
        #expect(client.recorder.log[1]?.refused == HTTP1Error(kind))
        #expect(client.recorder.log[1]?.refused?.status == 431)
        client.session.submitResponse(1, status: 431, fields: FieldSection(), hasBody: false)
        client.send(Frame.headers(3, HPACK.getBlock))
        #expect(client.recorder.log[3]?.ended == true)
    }

    @Test func aFullLengthHeadIsTaken() throws {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.getBlock + (0..<99).flatMap { HPACK.field("x-\($0)", "v") }))
        #expect(client.recorder.log[1]?.refused == nil)
        #expect(client.recorder.log[1]?.fields.count == 100)
    }

    /// RFC 9113 section 8.1: an answer that did not wait for the body ends with RST_STREAM(NO_ERROR), and DATA on its way is ignored.
    /// An answer to a POST that has not ended.
    private func answeredEarly(_ fields: [(String, String)] = HPACK.post, body: [UInt8] = [1, 2, 3]) throws -> RawClient {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.block(fields), end: false) + Frame.data(1, body))
        client.session.submitResponse(1, status: 413, fields: FieldSection(), hasBody: true)
        client.session.send(1, [9])
        client.session.endBody(1)
        client.drain()
        return client
    }

    @Test func aLittleMayFollowAnEarlyAnswer() throws {
        let client = try answeredEarly()
        #expect(client.reset(1) == nil)
        #expect(client.recorder.log[1]?.closed == nil)
        client.send(Frame.data(1, [4, 5]) + Frame.data(1, [], end: true) + Frame.headers(3, HPACK.getBlock))
        #expect(client.reset(1) == nil)
        #expect(client.goAway == nil)
        #expect(client.recorder.log[1]?.closed == HTTP2StreamClosure(error: .noError))
        #expect(client.recorder.log[3]?.ended == true)
    }

    @Test func aMistakeBehindAnEarlyAnswerIsStillOne() throws {
        let short = try answeredEarly(HPACK.post + [("content-length", "9")])
        short.send(Frame.data(1, [4], end: true))
        #expect(short.reset(1) == .protocolError)
        let trailers = try answeredEarly()
        trailers.send(Frame.headers(1, HPACK.block([(":method", "GET")])))
        #expect(trailers.reset(1) == .protocolError)
    }

    @Test(arguments: [true, false]) func anEarlyAnswerStopsALargeBody(isAnnounced: Bool) throws {
        let piece = [UInt8](repeating: 7, count: 16_000)
        let client = try answeredEarly(HPACK.post + (isAnnounced ? [("content-length", "70000")] : []), body: piece)
        if !isAnnounced {
            for _ in 0..<3 { client.send(Frame.data(1, piece)) }
            client.session.consumed(1, 64_000)
            client.drain()
            #expect(client.reset(1) == nil)
            client.send(Frame.data(1, piece))
        }
        #expect(client.reset(1) == .noError)
        #expect(client.recorder.log[1]?.closed == HTTP2StreamClosure(error: .noError))
        client.send(Frame.data(1, [4, 5]) + Frame.data(1, [], end: true) + Frame.headers(3, HPACK.getBlock))
        #expect(client.goAway == nil)
        #expect(client.recorder.log[3]?.ended == true)
    }

    @Test func whoWaitsForPermissionIsToldToStop() throws {
        let client = try answeredEarly(HPACK.post + [("content-length", "9"), ("expect", "100-continue")], body: [])
        #expect(client.reset(1) == .noError)
    }

    @Test func aShutdownWaitsForNobodyWhoIsAnswered() throws {
        let client = try answeredEarly()
        client.session.finishShutdown()
        client.drain()
        #expect(client.reset(1) == .noError)
        #expect(client.session.isFinished)
    }

    @Test func expectContinueIsTold() throws {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.block(HPACK.post + [("expect", "100-continue"), ("content-length", "2")]), end: false))
        client.session.submitInformational(1, status: 100)
        client.drain()
        #expect(client.sent.last { $0.type == 1 }?.flags == 4)
        client.send(Frame.data(1, [1, 2], end: true))
        #expect(client.recorder.log[1]?.ended == true)
        #expect(client.recorder.log[1]?.framing == .length(2))
    }

    @Test func serverPushEndsTheConnection() throws {
        let (client, _) = try clientWithRequests(Frame.raw(5, flags: 4, stream: 1, Frame.big(2) + HPACK.getBlock))
        #expect(client.isFinished)
    }

    @Test func terminateSaysGoAway() throws {
        let client = try RawClient()
        client.start()
        client.send(Frame.headers(1, HPACK.getBlock))
        client.session.terminate(.enhanceYourCalm)
        client.drain()
        #expect(client.goAway == .enhanceYourCalm)
        #expect(client.session.isFinished)
        #expect(client.recorder.log[1]?.closed == HTTP2StreamClosure(error: .enhanceYourCalm))
    }
}

@Suite struct HTTP2LibraryTests {
    @Test(
        arguments: [
            (0x013400, true, .present), (0x013400, false, .absent), (0x013400, nil, .unknown), (0x013900, nil, .present),
            (0x014400, false, .present),
        ] as [(Int32, Bool?, HTTP2Library.FixState)])
    func aFixIsProvenByNumberOrFunction(_ version: Int32, _ hasFunction: Bool?, _ state: HTTP2Library.FixState) throws {
        let fix = try #require(HTTP2Library.fixes.first { $0.advisory == "CVE-2023-44487" })
        #expect(fix.state(version: version, hasFunction: hasFunction) == state)
    }

    @Test func theLibraryThatRunsHasTheFloodFixes() {
        #expect(HTTP2Library.versionNumber >= 0x013400)
        #expect(HTTP2Library.summary.contains("nghttp2 \(HTTP2Library.version)"))
        for entry in HTTP2Library.audit() where entry.fix.function != nil { #expect(entry.state == .present) }
    }
}

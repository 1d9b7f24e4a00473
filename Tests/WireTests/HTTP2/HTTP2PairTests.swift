import GatewayCore
import Testing

@testable import Wire

/// A client and a server session joined in memory.
final class Pair {
    let server: HTTP2ServerSession
    let client: HTTP2ClientSession
    let atServer = Recorder()
    let atClient = Recorder()
    /// Bytes are handed over in pieces of this size.
    let step: Int
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []

    init(step: Int = .max, server serverLimits: HTTP2Limits = HTTP2Limits(), client clientLimits: HTTP2Limits = HTTP2Limits()) throws {
        self.step = step
        server = try HTTP2ServerSession(limits: serverLimits)
        client = try HTTP2ClientSession(limits: clientLimits)
    }

    /// Consumes what arrives as it arrives.
    func consumeAtOnce() {
        atServer.consume = { [unowned self] in server.consumed($0, $1) }
        atClient.consume = { [unowned self] in client.consumed($0, $1) }
    }

    /// Until neither side has anything to say.
    func pump() {
        while true {
            toServer = []
            client.drainOutput(delegate: atClient) { toServer.append(contentsOf: $0) }
            pieces(toServer) { server.receive($0, now: 1, delegate: atServer) }
            toClient = []
            server.drainOutput(delegate: atServer) { toClient.append(contentsOf: $0) }
            pieces(toClient) { client.receive($0, now: 1, delegate: atClient) }
            if toServer.isEmpty, toClient.isEmpty { return }
        }
    }

    private func pieces(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { all in
            var offset = 0
            while offset < all.count {
                let end = step == .max ? all.count : min(offset + step, all.count)
                body(UnsafeRawBufferPointer(rebasing: all[offset..<end]))
                offset = end
            }
        }
    }

    static func head(_ method: String, _ target: String, _ fields: [(String, String)] = []) -> RequestHead {
        var section = FieldSection([("Host", "upstream.test")] + fields)
        let start = section.bytes.count
        section.bytes += Array(method.utf8)
        let middle = section.bytes.count
        section.bytes += Array(target.utf8)
        return RequestHead(fields: section, method: ByteRange(start, middle), target: ByteRange(middle, section.bytes.count))
    }
}

extension HTTP2Session {
    @discardableResult
    func send(_ stream: Int32, _ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { sendBody(stream, $0) } }
}

@Suite struct HTTP2PairTests {
    /// Bodies and trailers both ways, the first cut at every offset of what either side sends.
    @Test(arguments: Array(1...400) + [1000, Int.max])
    func exchange(step: Int) throws {
        let pair = try Pair(step: step)
        pair.consumeAtOnce()
        pair.atServer.answer = { [unowned pair] id, log in
            pair.server.submitInformational(id, status: 103, fields: FieldSection([("link", "</a>")]))
            pair.server.submitResponse(
                id, status: 201, fields: FieldSection([("Content-Type", "text/plain"), ("Connection", "close"), ("Keep-Alive", "1")]),
                adding: FieldSection([("countersign-origin", "upstream")]), hasBody: true)
            pair.server.send(id, Array(log.body.reversed()))
            pair.server.endBody(id, trailers: FieldSection([("x-sum", "2")]))
        }
        let head = Pair.head("POST", "/a?b=c", [("X-One", "1"), ("Connection", "x"), ("TE", "gzip"), ("authorization", "s3cret")])
        let id = try #require(pair.client.submitRequest(head, isSecure: true, hasBody: true))
        pair.client.send(id, Array("hello ".utf8))
        pair.pump()
        pair.client.send(id, Array("world".utf8))
        pair.client.endBody(id, trailers: FieldSection([("x-sum", "1")]))
        pair.pump()

        let request = try #require(pair.atServer.log[id])
        #expect(request.method == "POST")
        #expect(request.target == "/a?b=c")
        #expect(request.fields == ["host: upstream.test", "x-one: 1", "authorization: s3cret"])
        #expect(request.framing == .chunked)
        #expect(String(decoding: request.body, as: UTF8.self) == "hello world")
        #expect(request.trailers == ["x-sum: 1"])
        #expect(request.closed == HTTP2StreamClosure(error: .noError))

        let response = try #require(pair.atClient.log[id])
        #expect(response.informational == [103])
        #expect(response.status == 201)
        #expect(response.fields == ["content-type: text/plain", "countersign-origin: upstream"])
        #expect(String(decoding: response.body, as: UTF8.self) == "dlrow olleh")
        #expect(response.trailers == ["x-sum: 2"])
        #expect(response.closed == HTTP2StreamClosure(error: .noError))
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
        #expect(pair.client.availableStreams == 100)
    }

    @Test(arguments: [7, 500, Int.max])
    func manyStreams(step: Int) throws {
        let pair = try Pair(step: step)
        pair.consumeAtOnce()
        pair.atServer.answer = { [unowned pair] id, log in
            pair.server.submitResponse(id, status: 200, fields: FieldSection([("x-target", log.target)]), hasBody: true)
            pair.server.send(id, log.body)
            pair.server.endBody(id)
        }
        pair.pump()
        var expected: [Int32: String] = [:]
        for round in 0..<5 {
            while pair.client.availableStreams > 0 {
                let target = "/\(round)/\(expected.count)"
                let id = try #require(pair.client.submitRequest(Pair.head("PUT", target), isSecure: false, hasBody: true))
                expected[id] = target
                pair.client.send(id, Array(target.utf8))
                pair.client.endBody(id)
            }
            pair.pump()
        }
        #expect(expected.count == 500)
        for (id, target) in expected {
            #expect(pair.atClient.log[id]?.fields == ["x-target: \(target)"])
            #expect(pair.atClient.log[id]?.body == Array(target.utf8))
            #expect(pair.atClient.log[id]?.closed == HTTP2StreamClosure(error: .noError))
        }
        #expect(!pair.client.isFinished && !pair.server.isFinished)
    }

    @Test func bigBodiesBothWays() throws {
        let pair = try Pair()
        pair.consumeAtOnce()
        let body = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        pair.atServer.answer = { [unowned pair] id, log in
            pair.server.submitResponse(id, status: 200, fields: FieldSection([("content-length", "\(log.body.count)")]), hasBody: true)
            pair.server.send(id, log.body)
            pair.server.endBody(id)
        }
        let head = Pair.head("POST", "/", [("content-length", "\(body.count)")])
        let id = try #require(pair.client.submitRequest(head, isSecure: true, hasBody: true))
        pair.client.send(id, body)
        pair.client.endBody(id)
        pair.pump()
        #expect(pair.atServer.log[id]?.framing == .length(body.count))
        #expect(pair.atClient.log[id]?.framing == .length(body.count))
        #expect(pair.atClient.log[id]?.body == body)
    }

    // MARK: Flow control

    @Test func aStreamStallsUntilItsBytesAreConsumed() throws {
        let pair = try Pair()
        let id = try #require(pair.client.submitRequest(Pair.head("POST", "/"), isSecure: true, hasBody: true))
        #expect(!pair.client.send(id, [UInt8](repeating: 1, count: 200_000)))
        pair.pump()
        #expect(pair.atServer.log[id]?.body.count == 65_535)
        #expect(pair.client.unsentBytes(id) == 200_000 - 65_535)
        pair.pump()
        #expect(pair.atServer.log[id]?.body.count == 65_535)
        // More than was delivered cannot be consumed, so the window never grows beyond its size.
        pair.server.consumed(id, 1_000_000)
        pair.pump()
        #expect(pair.atServer.log[id]?.body.count == 131_070)
        pair.consumeAtOnce()
        pair.server.consumed(id, 65_535)
        pair.pump()
        #expect(pair.atServer.log[id]?.body.count == 200_000)
        #expect(pair.atClient.log[id]?.writable == 1)
    }

    @Test func theConnectionWindowBoundsAllStreamsTogether() throws {
        var limits = HTTP2Limits()
        limits.connectionWindowBytes = 100_000
        let pair = try Pair(server: limits)
        pair.pump()
        var ids: [Int32] = []
        for _ in 0..<5 {
            let id = try #require(pair.client.submitRequest(Pair.head("POST", "/"), isSecure: true, hasBody: true))
            pair.client.send(id, [UInt8](repeating: 1, count: 50_000))
            pair.client.endBody(id)
            ids.append(id)
        }
        pair.pump()
        #expect(ids.map { pair.atServer.log[$0]?.body.count ?? 0 }.reduce(0, +) == 100_000)
        // A stream that is reset gives its share back to the others, though nobody consumed it.
        let full = try #require(ids.first { pair.atServer.log[$0]?.body.count == 50_000 })
        pair.server.reset(full, .cancel)
        pair.pump()
        #expect(pair.atServer.log[full]?.closed?.error == .cancel)
        #expect(ids.map { pair.atServer.log[$0]?.body.count ?? 0 }.reduce(0, +) == 150_000)
        pair.consumeAtOnce()
        for id in ids where id != full { pair.server.consumed(id, 50_000) }
        pair.pump()
        #expect(ids.map { pair.atServer.log[$0]?.body.count ?? 0 }.reduce(0, +) == 250_000)
    }

    @Test func aResponseStallsAndResumes() throws {
        let pair = try Pair()
        let id = try #require(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false))
        pair.pump()
        pair.server.submitResponse(id, status: 200, fields: FieldSection(), hasBody: true)
        let piece = [UInt8](repeating: 9, count: 10_000)
        var sent = 0
        pair.atServer.onWritable = { [unowned pair] id in
            repeat { sent += piece.count } while pair.server.send(id, piece)
        }
        repeat { sent += piece.count } while pair.server.send(id, piece)
        pair.pump()
        // The window takes 65,535 bytes; the rest is what the sender was told to stop at.
        #expect(pair.atClient.log[id]?.body.count == 65_535)
        #expect(pair.server.unsentBytes(id) < 65_536 + piece.count)
        var consumed = 0
        for _ in 0..<50 {
            let received = pair.atClient.log[id]?.body.count ?? 0
            pair.client.consumed(id, received - consumed)
            consumed = received
            pair.pump()
            #expect(pair.server.unsentBytes(id) < 65_536 + piece.count)
        }
        #expect(consumed > 2_000_000)
        #expect(sent - consumed < 65_536 + piece.count + 65_535)
    }

    @Test func outputComesInMeasure() throws {
        let pair = try Pair()
        pair.consumeAtOnce()
        let id = try #require(pair.client.submitRequest(Pair.head("GET", "/"), isSecure: true, hasBody: false))
        pair.pump()
        pair.server.submitResponse(id, status: 200, fields: FieldSection(), hasBody: true)
        pair.server.send(id, [UInt8](repeating: 9, count: 60_000))
        var pieces: [Int] = []
        while pair.server.wantsOutput {
            let count = pair.server.drainOutput(limit: 20_000, delegate: pair.atServer) { _ in }
            if count == 0 { break }
            pieces.append(count)
        }
        #expect(pieces.count == 2)
        #expect(pieces.allSatisfy { $0 < 20_000 + 16_393 })
    }
}

import GatewayCore
import Testing

@testable import Wire

/// A generator that gives the same numbers on every run (Knuth's MMIX constants).
struct Congruential {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}

/// Hostile bytes: whatever comes, a session keeps its promises and ends with every stream reported once.
@Suite struct HTTP2MutationTests {
    private static func mutated(_ bytes: [UInt8], _ random: inout Congruential) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.next(4) where !bytes.isEmpty {
            let position = random.next(bytes.count)
            switch random.next(4) {
            case 0: bytes[position] = UInt8(random.next(256))
            case 1: bytes[position] ^= UInt8(1 << random.next(8))
            case 2: bytes.remove(at: position)
            default: bytes.insert(UInt8(random.next(256)), at: position)
            }
        }
        return bytes
    }

    @Test(arguments: 0..<40)
    func aServerSurvives(seed: Int) throws {
        var random = Congruential(state: UInt64(seed))
        let rows = ConformanceCase.all.filter { $0.started && $0.bytes.count < 2000 }
        for _ in 0..<50 {
            let client = try RawClient()
            client.recorder.consume = { [unowned client] in client.session.consumed($0, $1) }
            client.recorder.answer = { [unowned client] id, log in
                client.session.submitResponse(id, status: 200, fields: FieldSection([("x", "y")]), hasBody: true)
                client.session.send(id, log.body)
                client.session.endBody(id, trailers: FieldSection([("t", "u")]))
            }
            client.start()
            for _ in 0..<(1 + random.next(4)) {
                let bytes = Self.mutated(rows[random.next(rows.count)].bytes, &random)
                let cut = random.next(bytes.count + 1)
                client.send(Array(bytes[..<cut]))
                client.send(Array(bytes[cut...]))
            }
            client.session.connectionLost(delegate: client.recorder)
            #expect(client.session.isFinished)
            #expect(client.session.streamCount == 0)
            #expect(client.recorder.violations == 0)
            for (_, log) in client.recorder.log { #expect(log.closed != nil) }
        }
    }

    @Test(arguments: 0..<40)
    func aClientSurvives(seed: Int) throws {
        var random = Congruential(state: UInt64(seed))
        let answers =
            Frame.headers(1, HPACK.field(":status", "103"), end: false) + Frame.headers(1, HPACK.field(":status", "200"), end: false)
            + Frame.data(1, [1, 2, 3]) + Frame.headers(1, HPACK.field("t", "u")) + Frame.headers(3, HPACK.field(":status", "204"))
            + Frame.windowUpdate(5, 100) + Frame.reset(5, 7) + Frame.ping() + Frame.goAway(last: 3)
        for _ in 0..<50 {
            let client = try HTTP2ClientSession()
            let recorder = Recorder()
            var ids: [Int32] = []
            for _ in 0..<3 {
                if let id = client.submitRequest(Pair.head("POST", "/"), isSecure: true, hasBody: true) { ids.append(id) }
            }
            client.send(1, [1, 2, 3])
            client.drainOutput(delegate: recorder) { _ in }
            let bytes = Frame.settings() + Frame.settingsAck + Self.mutated(answers, &random)
            let cut = random.next(bytes.count + 1)
            for part in [bytes[..<cut], bytes[cut...]] {
                Array(part).withUnsafeBytes { client.receive($0, now: 1, delegate: recorder) }
                client.drainOutput(delegate: recorder) { _ in }
            }
            client.connectionLost(delegate: recorder)
            #expect(client.streamCount == 0)
            #expect(recorder.violations == 0)
            for id in ids { #expect(recorder.log[id]?.closed != nil) }
        }
    }
}

import GatewayCore
import Testing

@testable import Wire

@Suite struct HTTP2ServerSessionTests {
    @Test func settingsComeFirst() throws {
        let client = try RawClient()
        client.drain()
        #expect(client.sent.map(\.type) == [4, 8])
        #expect(client.sent[0].payload.count % 6 == 0)
    }

    @Test func aRequestAndItsResponse() throws {
        let client = try RawClient()
        client.recorder.answer = { [unowned client] id, _ in
            client.session.submitResponse(
                id, status: 204, fields: FieldSection([("X-Amzn-RequestId", "r1"), ("Connection", "close")]), hasBody: false)
        }
        client.start()
        client.send(Frame.headers(1, HPACK.block(HPACK.get + [("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")])))
        let log = try #require(client.recorder.log[1])
        #expect(log.method == "GET")
        #expect(log.target == "/")
        #expect(log.fields == ["host: gateway.test", "accept: */*", "cookie: a=1; b=2"])
        #expect(log.framing == BodyFraming.none)
        #expect(log.ended)
        #expect(log.closed == HTTP2StreamClosure(error: .noError))
        let response = try #require(client.sent.first { $0.type == 1 })
        #expect(response.flags == 5)
        #expect(client.session.streamCount == 0)
    }
}

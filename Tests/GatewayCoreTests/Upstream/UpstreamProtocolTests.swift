import Testing

@testable import GatewayCore

@Suite("What is spoken to an upstream")
struct UpstreamProtocolTests {
    @Test(
        arguments: [
            (.auto, true, "h2", .http2), (.auto, true, "http/1.1", .http1), (.auto, true, nil, .http1), (.auto, false, nil, .http1),
            (.off, true, "h2", .http1), (.off, true, "http/1.1", .http1), (.off, true, nil, .http1), (.off, false, nil, .http1),
            (.required, true, "h2", .http2), (.required, true, "http/1.1", nil), (.required, true, nil, nil), (.required, true, "h2c", nil),
            (.required, false, nil, .http2),
        ] as [(HTTP2Mode, Bool, String?, UpstreamProtocol?)])
    func spoken(mode: HTTP2Mode, usesTLS: Bool, selected: String?, expected: UpstreamProtocol?) {
        #expect(UpstreamProtocol.spoken(mode, usesTLS: usesTLS, selected: selected) == expected)
    }

    @Test(arguments: [(.auto, ["h2", "http/1.1"]), (.off, ["http/1.1"]), (.required, ["h2"])] as [(HTTP2Mode, [String])])
    func offered(mode: HTTP2Mode, protocols: [String]) {
        #expect(UpstreamProtocol.offered(mode) == protocols)
    }
}

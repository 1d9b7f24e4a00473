/// Whether HTTP/2 is spoken to an upstream; `"http2"` in the configuration.
public enum HTTP2Mode: String, Sendable, Equatable, CaseIterable {
    /// Over TLS what the upstream selects by ALPN (RFC 7301), in clear HTTP/1.1.
    case auto
    case off
    /// Over TLS nothing else is offered, in clear HTTP/2 is spoken by prior knowledge (RFC 9113 section 3.3).
    case required
}

/// What a connection to an upstream speaks.
public enum UpstreamProtocol: Sendable, Equatable {
    case http1
    case http2

    /// The protocols to offer by ALPN, the preferred one first.
    public static func offered(_ mode: HTTP2Mode) -> [String] {
        switch mode {
        case .auto: ["h2", "http/1.1"]
        case .off: ["http/1.1"]
        case .required: ["h2"]
        }
    }

    /// What is spoken on a connection that is now open; nil where HTTP/2 is required and the upstream has not selected it.
    ///
    /// - Parameter selected: by the upstream in the TLS handshake; nil without TLS, and for an upstream that knows no ALPN.
    public static func spoken(_ mode: HTTP2Mode, usesTLS: Bool, selected: String?) -> UpstreamProtocol? {
        switch mode {
        case .off: .http1
        case .auto: usesTLS && selected == "h2" ? .http2 : .http1
        case .required: !usesTLS || selected == "h2" ? .http2 : nil
        }
    }
}

import GatewayCore

/// Why an upstream gave no answer. It says what happened, what may be told to the caller, and whether the request may have been processed.
enum UpstreamFailure: Error, Equatable {
    /// Every connection is in use and none became free in time.
    case poolExhausted
    case unknownHost
    case refused
    case connectTimedOut
    /// Any other failure to connect; the text is the system's.
    case unreachable(String)
    /// The handshake failed: certificate, name, protocol.
    case tls(String)
    /// HTTP/2 is required, and the upstream did not select it in the TLS handshake.
    case noHTTP2
    /// Closed or reset after the request was sent, before an answer.
    case closedWithoutAnswer
    /// Closed while idle, before it took any of the request: safe to send again.
    case closedBeforeRequest
    /// HTTP/2: the upstream said again and again that it had not processed the request (GOAWAY, REFUSED_STREAM).
    case streamRefused
    /// HTTP/2: the upstream reset the request's stream with this error.
    case streamReset(String)
    /// HTTP/2: the connection's PING was not answered.
    case unresponsive
    /// No answer within the response timeout.
    case silent
    /// What came is no HTTP that may be relayed.
    case malformedAnswer(String)
    /// The gateway is shutting down, and nothing was sent.
    case draining
    /// The drain's time was up before the answer came.
    case drainEnded
    /// The caller hung up before anything was sent.
    case callerGone
    /// An operator froze calls that change something before it was sent.
    case frozen

    /// False only where the upstream provably processed nothing (contract: never doubled, never guessed).
    var mayHaveBeenProcessed: Bool {
        switch self {
        case .poolExhausted, .unknownHost, .refused, .connectTimedOut, .unreachable, .tls, .noHTTP2, .closedBeforeRequest, .streamRefused,
            .draining, .callerGone, .frozen:
            false
        case .closedWithoutAnswer, .streamReset, .unresponsive, .silent, .malformedAnswer, .drainEnded: true
        }
    }

    var refusal: Refusal {
        switch self {
        case .poolExhausted:
            Refusal(.unavailable, "upstream/busy", "All connections to the service are in use: try again shortly.")
        case .unknownHost:
            Refusal(
                .unavailable, "upstream/unknown-host",
                "The service's host name does not resolve: try again shortly; an operator may check DNS.")
        case .refused:
            Refusal(.unavailable, "upstream/refused", "The service refused the connection: try again shortly.")
        case .connectTimedOut:
            Refusal(.unavailable, "upstream/connect-timeout", "The service could not be reached in time: try again shortly.")
        case .unreachable:
            Refusal(.unavailable, "upstream/unreachable", "The service cannot be reached: try again shortly.")
        case .tls:
            Refusal(
                .unavailable, "upstream/tls",
                "No trusted TLS connection to the service could be made: an operator finds the cause in the log.")
        case .noHTTP2:
            Refusal(
                .unavailable, "upstream/no-http2",
                "The service does not speak HTTP/2, which this gateway requires of it: an operator may set \"http2\" to \"auto\".")
        case .closedWithoutAnswer:
            Refusal(
                .unavailable, "upstream/closed",
                "The service closed the connection without an answer: whether the request was carried out is unknown, so look before you repeat it."
            )
        case .closedBeforeRequest:
            Refusal(.unavailable, "upstream/closed", "The service closed the connection before it took the request: try again.")
        case .streamRefused:
            Refusal(.unavailable, "upstream/closed", "The service refused to take the request: try again shortly.")
        case .streamReset:
            Refusal(
                .unavailable, "upstream/closed",
                "The service broke the request off without an answer: whether it was carried out is unknown, so look before you repeat it."
            )
        case .unresponsive:
            Refusal(
                .upstreamSilent, "upstream/timeout",
                "The connection to the service went silent: whether the request was carried out is unknown, so look before you repeat it.")
        case .silent:
            Refusal(
                .upstreamSilent, "upstream/timeout",
                "The service did not answer in time: whether the request was carried out is unknown, so look before you repeat it.")
        case .malformedAnswer:
            Refusal(
                .unavailable, "upstream/malformed",
                "The service's answer was not valid HTTP: whether the request was carried out is unknown, so look before you repeat it.")
        case .draining:
            Refusal(.unavailable, "gateway/draining", "This gateway is shutting down: send the request again.")
        case .drainEnded:
            Refusal(
                .unavailable, "gateway/drain-ended",
                "This gateway shut down before the service answered: whether the request was carried out is unknown, "
                    + "so look before you repeat it.")
        case .frozen:
            // The line says who froze and why; see `Freeze.refusal`.
            Refusal(
                .unavailable, "gateway/frozen",
                "Calls that change something are frozen: try again when an operator has thawed this gateway.")
        case .callerGone: Refusal(.unavailable, "caller/gone", "The caller hung up before anything was sent.")
        }
    }

    /// For the log: the system's or the TLS library's words, never anything of a request.
    var logText: String {
        switch self {
        case .unreachable(let text), .tls(let text), .malformedAnswer(let text): text
        case .streamReset(let error): "the service reset the request's stream with \(error)"
        case .unresponsive: "the service answered no PING, so the connection was closed"
        case .noHTTP2: "\"http2\" is \"required\", and the service did not select h2 in the TLS handshake (ALPN)"
        default: refusal.message
        }
    }
}

import Wire

/// What becomes of a request whose stream has ended before its answer was whole (RFC 9113 section 8.7).
enum StreamEnding: Equatable {
    /// The upstream provably did not process it.
    case sendAgain
    case fail(UpstreamFailure)

    /// - Parameters:
    ///   - wasResetByPeer: the upstream sent RST_STREAM for it.
    ///   - connectionFailed: the whole connection was ended for a mistake of the upstream.
    ///   - resends: how often the request was sent again already.
    init(_ closure: HTTP2StreamClosure, wasResetByPeer: Bool, connectionFailed: Bool, resends: Int) {
        if closure.isUnprocessed {
            self = resends < UpstreamPool.mostResends ? .sendAgain : .fail(.streamRefused)
        } else if wasResetByPeer, !connectionFailed {
            self = .fail(.streamReset(closure.error.description))
        } else {
            // Nobody but this side can have ended it, and this side does so only for mistakes.
            self = .fail(.malformedAnswer("HTTP/2: \(closure.error)"))
        }
    }
}

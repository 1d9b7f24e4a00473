/// What a finished handshake agreed on.
public struct TLSHandshake: Sendable, Equatable {
    /// The application protocol (ALPN), for example `h2`; nil when none was negotiated.
    public let applicationProtocol: String?
    public let version: TLSVersion
    /// Whether an earlier session was resumed.
    public let resumed: Bool
    /// The peer's verified certificate. On a client the server's; on a server the client's, nil when none was shown.
    public let peer: TLSPeerIdentity?
    /// The server name that the client asked for (SNI), nil when it sent none. Lower case.
    public let serverName: String?
}

/// What a session has to say, in the order in which it happened.
public enum TLSEvent: Sendable, Equatable {
    /// Once, before any plaintext.
    case handshakeComplete(TLSHandshake)
    /// This many bytes of plaintext are at the start of the area. More may follow at once.
    case plaintext(Int)
    /// The peer will send nothing more (close_notify). Our side may still send.
    case peerClosed
    /// Once; nothing follows it. An alert for the peer may be in the outgoing bytes.
    case failed(TLSError)
}

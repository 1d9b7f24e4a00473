/// What one HTTP/2 connection may use. All of it together bounds the memory that a peer can make a connection hold.
public struct HTTP2Limits: Sendable, Equatable {
    /// Streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS).
    public var maxConcurrentStreams: UInt32 = 100
    /// A header list as RFC 9113 section 6.5.2 counts it: names, values and 32 bytes for each field. Beyond it: 431 for a request,
    /// a reset stream for a response. Beyond four times as much the connection is closed.
    public var headerListBytes = 65_536
    /// Fields of a head, pseudo-header fields left out. Beyond it: 431.
    public var fieldCount = 100
    /// `:path`. Beyond it: 414.
    public var targetBytes = 8192
    /// Bytes of one stream's body that the peer may send before they are consumed. 1 to 2^31-1.
    public var streamWindowBytes: Int32 = 65_535
    /// The same for all streams of the connection together. 65,535 to 2^31-1; the RFC allows no less.
    public var connectionWindowBytes: Int32 = 1_048_576
    /// Unsent bytes of a stream's body at which `sendBody` asks its caller to pause. It may be exceeded by one call's bytes.
    public var unsentHighWaterBytes = 65_536
    /// Unsent bytes below which a paused stream becomes writable again.
    public var unsentLowWaterBytes = 16_384
    /// CONTINUATION frames of one header block. Eight frames of the default size hold twice `headerListBytes`.
    public var continuationFrames = 8
    /// Frames that wait because the peer does not read. Beyond it the connection is closed.
    public var outboundFrames = 2000
    /// PING and SETTINGS acknowledgements that wait because the peer does not read.
    public var outboundAcks = 200
    /// Entries of one SETTINGS frame.
    public var settingsEntries = 32
    public var abuse = HTTP2AbuseThresholds()

    public init() {}
}

/// How far a destination is, for metrics and `/status`.
public struct ShipStatus: Sendable, Equatable {
    /// The destination as the configuration writes it.
    public var destination: String
    public var isUp = false
    /// Why it is not up, in words.
    public var reason: String?
    /// `seq` of the last record that the peer has acknowledged.
    public var acknowledgedSequence: UInt64 = 0
    /// Records on disk that the peer has not acknowledged, and their size.
    public var recordsBehind: UInt64 = 0
    public var bytesBehind: UInt64 = 0
    /// How old the oldest of them is; 0 where there is none.
    public var secondsBehind: Double = 0
    /// Records that the peer has acknowledged since the start, those sent again included, and their bytes as sent.
    public var records: UInt64 = 0
    public var bytes: UInt64 = 0
    /// Connections made since the start.
    public var connects: UInt64 = 0
    public var failures: UInt64 = 0
    /// Places where a record does not follow its predecessor because files of the trail are gone.
    public var gaps: UInt64 = 0
    /// Lines left out because they are no records, or larger than a datagram can be.
    public var skipped: UInt64 = 0

    public init(destination: String) {
        self.destination = destination
    }
}

/// How far a trail is on disk.
public struct AuditPosition: Sendable, Equatable {
    /// The inode number of the file that is written.
    public var identity: UInt64
    /// Bytes of it that no failure takes back. Whole lines.
    public var size: Int
    /// `seq` of the last record in them, or in the files before.
    public var sequence: UInt64
    /// When that record was written, in milliseconds since 1970; nil where that is not known.
    public var time: Int64?

    public init(identity: UInt64, size: Int, sequence: UInt64, time: Int64? = nil) {
        self.identity = identity
        self.size = size
        self.sequence = sequence
        self.time = time
    }
}

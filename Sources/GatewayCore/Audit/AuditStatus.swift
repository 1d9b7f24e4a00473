/// Whether records can be written.
public enum AuditStatus: Sendable, Equatable {
    case writable
    /// In words, for `/ready`, logs and refusals: `write: No space left on device`.
    case unwritable(reason: String)
}

/// What one commit means for the requests that wait for it.
public enum AuditVerdict: Sendable, Equatable {
    case written
    case failed(reason: String)
}

/// Counts since the start, for metrics.
public struct AuditCounters: Sendable, Equatable {
    public var records: UInt64 = 0
    public var bytes: UInt64 = 0
    /// Rounds of writing; `records / commits` is the size of a group.
    public var commits: UInt64 = 0
    public var syncs: UInt64 = 0
    public var failures: UInt64 = 0
    public var droppedRefusals: UInt64 = 0
    /// Outcomes beyond what is kept while nothing can be written.
    public var droppedOutcomes: UInt64 = 0
    /// Records of requests already sent that wait for room.
    public var owed: UInt64 = 0

    public init() {}
}

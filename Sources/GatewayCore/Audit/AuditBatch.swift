/// What becomes of a record that cannot be written.
public enum AuditDuty: UInt8, Sendable {
    /// An intent whose request waits for it: the request is refused, so the record is dropped.
    case awaited
    /// Its request went on already (outcomes; intents that nobody waits for): kept, and written before anything else.
    case owed
    /// A refusal: dropped, counted, and the count is noted in the next record.
    case optional
}

/// Bodies of records in the order in which they were made, one after the other in one array.
public struct AuditBatch: Sendable {
    struct Record: Sendable {
        var end: Int
        var duty: AuditDuty
    }

    private(set) var bytes: [UInt8] = []
    private(set) var records: [Record] = []
    /// How many of the records are `awaited`.
    public private(set) var awaitedCount = 0
    /// When the oldest of the records was accepted, in milliseconds on a clock that never goes back; nil where nobody has said.
    public var acceptedAt: UInt64?

    public init() {}

    public var isEmpty: Bool { records.isEmpty }
    public var count: Int { records.count }
    public var byteCount: Int { bytes.count }

    /// Encodes one more record.
    public mutating func append(_ entry: borrowing AuditEntry, duty: AuditDuty, encoder: borrowing AuditEncoder) {
        encoder.encode(entry, into: &bytes)
        records.append(Record(end: bytes.count, duty: duty))
        if duty == .awaited { awaitedCount += 1 }
    }

    /// Adds one body that is encoded already.
    public mutating func append(body: UnsafeRawBufferPointer, duty: AuditDuty) {
        bytes.append(contentsOf: body)
        records.append(Record(end: bytes.count, duty: duty))
        if duty == .awaited { awaitedCount += 1 }
    }

    /// Forgets the records, not the room.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        records.removeAll(keepingCapacity: true)
        awaitedCount = 0
        acceptedAt = nil
    }

    /// The earlier of two moments, of which either may be unknown.
    public static func earlier(_ one: UInt64?, _ other: UInt64?) -> UInt64? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    func visit(_ body: (UnsafeRawBufferPointer, AuditDuty) -> Void) {
        bytes.withUnsafeBytes { all in
            var start = 0
            for record in records {
                body(UnsafeRawBufferPointer(rebasing: all[start..<record.end]), record.duty)
                start = record.end
            }
        }
    }
}

/// What has been sent to one destination, and how much of it counts as delivered.
///
/// Syslog has no acknowledgements of its own (RFC 5425 section 4.2.1 says so). What the peer's kernel has acknowledged may still be unread in
/// its buffer, or in the memory of a collector that is killed a moment later. So a record is *settled* only when the connection has stayed
/// whole for `settleTime` after its last byte was acknowledged; when the connection breaks, everything beyond the last settled record is sent
/// again. Duplicates are lawful and known by `seq`; a loss is neither.
///
/// A value without clock or socket: `now` is milliseconds on a clock that never goes back, byte counts are those of the connection.
public struct ShipWindow: Sendable {
    private struct Mark {
        var cursor: ShipCursor
        /// Bytes of the connection up to and with this record.
        var end: UInt64
        var records: Int
        /// When the oldest record of the mark was made, milliseconds since 1970; nil where it does not say.
        var oldest: Int64?
        var sentAt: UInt64
        var acknowledgedAt: UInt64?
    }

    /// Where to go on after a break, and what the cursor file says.
    public private(set) var settled: ShipCursor
    /// Behind the last record that the peer's kernel has acknowledged.
    public private(set) var acknowledged: ShipCursor
    /// Behind the last record sent.
    public private(set) var sent: ShipCursor

    private var marks: [Mark] = []
    private var head = 0
    private var acknowledgedEnd: UInt64 = 0
    /// When the connection was last seen to be stalled: the receiver has begun to read after that at the earliest.
    private var stalledAt: UInt64 = 0
    private let settleTime: UInt64

    /// How long a connection has to stay whole after an acknowledgement, in milliseconds.
    public static let settleMilliseconds: UInt64 = 10_000
    /// A connection is stalled when something has waited so long for its acknowledgement, in milliseconds: the receiver does not read.
    public static let stallMilliseconds: UInt64 = 1000
    /// A receiver that does not read may hold this much, in bytes: the largest receive buffer of a usual kernel is 6 MiB
    /// (`net.ipv4.tcp_rmem`). On a stalled connection records settle only when more than that was acknowledged after them.
    public static let unreadByteLimit: UInt64 = 8 << 20
    /// Marks are joined when they were acknowledged within this time, in milliseconds, so that their number stays small.
    static let joinMilliseconds: UInt64 = 100

    public init(at cursor: ShipCursor, settleTime: UInt64 = ShipWindow.settleMilliseconds) {
        settled = cursor
        acknowledged = cursor
        sent = cursor
        self.settleTime = settleTime
    }

    /// Sent and not yet acknowledged.
    public func bytesInFlight(sentTotal: UInt64) -> UInt64 { sentTotal - min(sentTotal, acknowledgedEnd) }

    /// Whether something waits for an acknowledgement.
    public var isAwaiting: Bool { marks.last.map { $0.acknowledgedAt == nil } ?? false }

    /// When the oldest record that is not acknowledged was made; nil where all are, or where it does not say.
    public var oldestUnacknowledged: Int64? { marks[head...].first { $0.acknowledgedAt == nil }?.oldest }

    /// Records were given to the connection, whose bytes end with `end`.
    public mutating func send(through cursor: ShipCursor, records: Int, end: UInt64, oldest: Int64?, now: UInt64) {
        sent = cursor
        marks.append(Mark(cursor: cursor, end: end, records: records, oldest: oldest, sentAt: now, acknowledgedAt: nil))
    }

    /// The peer has acknowledged `total` bytes of the connection. Returns how many records that is more than before.
    public mutating func acknowledge(_ total: UInt64, now: UInt64) -> Int {
        acknowledgedEnd = max(acknowledgedEnd, total)
        var count = 0
        var index = marks.count
        while index > head, marks[index - 1].acknowledgedAt == nil { index -= 1 }
        while index < marks.count, marks[index].end <= acknowledgedEnd {
            marks[index].acknowledgedAt = now
            acknowledged = marks[index].cursor
            count += marks[index].records
            if index > head, let before = marks[index - 1].acknowledgedAt, now - before < ShipWindow.joinMilliseconds {
                // The time stays that of the first one, so that a mark does not grow for ever; the last one settles a little early.
                marks[index - 1].cursor = marks[index].cursor
                marks[index - 1].end = marks[index].end
                marks.remove(at: index)
            } else {
                index += 1
            }
        }
        return count
    }

    /// Settles what has waited long enough. Returns whether anything was settled.
    public mutating func settle(now: UInt64) -> Bool {
        if let waiting = marks[head...].first(where: { $0.acknowledgedAt == nil }), now >= waiting.sentAt + ShipWindow.stallMilliseconds {
            stalledAt = now
        }
        let before = head
        while head < marks.count, let time = marks[head].acknowledgedAt, now >= time + settleTime,
            stalledAt == 0 || now >= stalledAt + settleTime || acknowledgedEnd - marks[head].end > ShipWindow.unreadByteLimit
        {
            settled = marks[head].cursor
            head += 1
        }
        if head > 64 || head == marks.count {
            marks.removeFirst(head)
            defer { head = 0 }
            return head > 0
        }
        return head > before
    }

    /// When `settle` has something to do next; nil for never. Milliseconds.
    public var deadline: UInt64? {
        guard head < marks.count else { return nil }
        return marks[head].acknowledgedAt.map { max($0, stalledAt) + settleTime }
    }

    /// The connection is gone. Returns where the next one begins.
    public mutating func rewind() -> ShipCursor {
        marks.removeAll()
        head = 0
        acknowledgedEnd = 0
        stalledAt = 0
        acknowledged = settled
        sent = settled
        return settled
    }
}

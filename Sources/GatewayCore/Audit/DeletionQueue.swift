/// The Deletion queue as a trail tells of it: which numbers were deleted, by whom, and until when each can be restored.
///
/// Fed with the records of the trail in their order. It holds the newest deletions up to a bound and counts the others, so that its size
/// does not grow with the trail.
public struct DeletionQueue: Sendable {
    /// How sure it is that the number is in the queue.
    public enum Certainty: String, Sendable {
        /// The service answered 204.
        case deleted
        /// The request was sent and no answer came, so the service may have deleted the number.
        case unknown
        /// The trail shows the last digits alone, and a number that ends so was restored since: this one, or another.
        case perhapsRestored
    }

    public struct Entry: Sendable, Equatable {
        /// As the trail shows it: the number, its pseudonym or its last digits.
        public var number: String
        public var caller: String
        /// The `countersign-id` of the request.
        public var id: String
        /// `seq` of the outcome.
        public var sequence: UInt64
        /// Milliseconds since 1970.
        public var deleted: Int64
        public var restorableUntil: Int64
        public var certainty: Certainty
    }

    public enum Order: String, Sendable {
        case newest
        case expiring
    }

    /// What a request for the queue is answered.
    public struct Selection: Sendable, Equatable {
        public var entries: [Entry]
        /// How many are held that match, those in `entries` included.
        public var matchCount: Int
        /// How many are held.
        public var heldCount: Int
        /// How many older ones are not held because there were too many. An upper bound: one of them may have been restored.
        public var omittedCount: UInt64
    }

    /// Amazon Chime API reference, DeletePhoneNumber: a number stays in the queue for 7 days.
    public static let lifetimeMilliseconds: Int64 = 7 * 86_400_000
    private static let minuteMilliseconds: Int64 = 60_000

    private let capacity: Int
    private var held: [String: Entry] = [:]
    /// Keys in the order in which they came, and of which record; a key that came again or went stays behind until its turn.
    private var order: [(key: String, sequence: UInt64)] = []
    private var head = 0
    /// Of deletions that were let go: how many can be restored until each minute. At most as many as 7 days have.
    private var omitted: [Int64: UInt64] = [:]

    /// - Parameter capacity: how many deletions are held, at least 1.
    public init(capacity: Int = 10_000) { self.capacity = max(1, capacity) }

    /// The next record of the trail.
    ///
    /// - Parameter now: milliseconds since 1970; what cannot be restored any more is not taken.
    public mutating func take(_ fields: AuditFields, now: Int64) {
        guard fields.stage == "outcome", let shown = fields.subjects.first, let number = JSONText.unquoted(shown[...]) else { return }
        if fields.isRestoration {
            restore(number)
        } else if let end = fields.restorableUntil.isEmpty ? nil : RFC3339.parse(fields.restorableUntil.utf8) {
            insert(entry(fields, number, until: end, .deleted), now: now)
        } else if fields.isDeletionWithoutAnswer, let time = RFC3339.parse(fields.time.utf8) {
            // The number is in the queue already, as was answered.
            if !Self.isPartial(number), let known = held[number], known.certainty == .deleted, known.restorableUntil > time { return }
            insert(entry(fields, number, until: time + Self.lifetimeMilliseconds, .unknown), now: now)
        }
    }

    /// Forgets what can no longer be restored.
    public mutating func expire(now: Int64) {
        while let first = oldest, isStale(first) || (held[first.key]?.restorableUntil ?? 0) <= now {
            if !isStale(first) { held[first.key] = nil }
            head += 1
        }
        omitted = omitted.filter { $0.key > now / Self.minuteMilliseconds }
        compact()
    }

    /// - Parameters:
    ///   - text: what the number, the caller or the id must contain; empty for all.
    ///   - limit: how many entries at most.
    ///   - now: milliseconds since 1970.
    public func select(containing text: String = "", order: Order = .newest, limit: Int, now: Int64) -> Selection {
        let live = held.values.filter { $0.restorableUntil > now }
        let wanted = Array(text.utf8)
        var matches = wanted.isEmpty ? live : live.filter { $0.contains(wanted) }
        switch order {
        case .newest: matches.sort { $0.sequence > $1.sequence }
        case .expiring: matches.sort { ($0.restorableUntil, $0.sequence) < ($1.restorableUntil, $1.sequence) }
        }
        let omittedCount = omitted.reduce(0) { $1.key > now / Self.minuteMilliseconds ? $0 + $1.value : $0 }
        return Selection(
            entries: Array(matches.prefix(max(0, limit))), matchCount: matches.count, heldCount: live.count, omittedCount: omittedCount)
    }

    // MARK: - Keeping

    private func entry(_ fields: AuditFields, _ number: String, until end: Int64, _ certainty: Certainty) -> Entry {
        Entry(
            number: number, caller: JSONText.unescaped(fields.caller[...]), id: JSONText.unescaped(fields.id[...]),
            sequence: fields.sequence,
            deleted: RFC3339.parse(fields.time.utf8) ?? end - Self.lifetimeMilliseconds, restorableUntil: end, certainty: certainty)
    }

    private mutating func insert(_ entry: Entry, now: Int64) {
        guard entry.restorableUntil > now else { return }
        // Numbers with the same last digits are different numbers as far as anybody knows.
        let key = Self.isPartial(entry.number) ? "\(entry.number) \(entry.sequence)" : entry.number
        held[key] = entry
        order.append((key, entry.sequence))
        while held.count > capacity, let first = oldest {
            if !isStale(first), let entry = held.removeValue(forKey: first.key) {
                omitted[entry.restorableUntil / Self.minuteMilliseconds, default: 0] += 1
            }
            head += 1
        }
        compact()
    }

    private mutating func restore(_ number: String) {
        guard Self.isPartial(number) else {
            held[number] = nil
            return
        }
        for (key, entry) in held where entry.number == number { held[key]?.certainty = .perhapsRestored }
    }

    /// As `audit.subject: last4` shows a number.
    private static func isPartial(_ number: String) -> Bool { number.hasPrefix("\u{2026}") }

    /// How much room the order takes.
    var placeCount: Int { order.count }

    private var oldest: (key: String, sequence: UInt64)? { head < order.count ? order[head] : nil }

    private func isStale(_ place: (key: String, sequence: UInt64)) -> Bool { held[place.key]?.sequence != place.sequence }

    private mutating func compact() {
        guard order.count > 64, order.count > 2 * held.count else { return }
        order = order[head...].filter { !isStale($0) }
        head = 0
    }
}

extension DeletionQueue.Entry {
    fileprivate func contains(_ wanted: [UInt8]) -> Bool {
        [number, caller, id].contains { text in text.utf8.count >= wanted.count && Array(text.utf8).firstRange(of: wanted) != nil }
    }
}

extension AuditFields {
    /// An answer that took a number out of the Deletion queue.
    var isRestoration: Bool { stage == "outcome" && operation == "RestorePhoneNumber" && (200...299).contains(status) }

    /// A deletion that was sent and may have been carried out.
    var isDeletionWithoutAnswer: Bool {
        stage == "outcome" && operation == "DeletePhoneNumber" && state == "unknown: sent, no answer"
    }
}

import Digests

/// Which records a query is about. What is nil does not restrict.
public struct AuditFilter: Sendable {
    public var caller: String?
    public var stage: String?
    public var operation: String?
    public var status: Int?
    public var id: String?
    /// Only what a reported policy would have refused.
    public var isReportedOnly = false
    /// Milliseconds since 1970, inclusive.
    public var since: Int64? { didSet { sinceText = since.map { RFC3339.string(milliseconds: $0) } } }
    /// Milliseconds since 1970, exclusive.
    public var until: Int64? { didSet { untilText = until.map { RFC3339.string(milliseconds: $0) } } }
    private var sinceText: String?
    private var untilText: String?
    /// The forms in which a trail may show the subject asked for, as JSON; nil for any subject.
    private var subjects: Set<String>?

    public init() {}

    /// Restricts to records about `value`, however the trail shows it: whole, by its last four digits (which others share), or, where the
    /// key is given, by its pseudonym. A pseudonym as a trail shows it is found without the key.
    public mutating func restrict(toSubject value: String, key: [UInt8]?) throws(DigestError) {
        let bytes = Array(value.utf8)
        var forms = [AuditFilter.json(bytes, .plain), AuditFilter.json(bytes, .last4)]
        if let key { forms.append(AuditFilter.json(bytes, .pseudonym(try HMACContext(key: key)))) }
        subjects = Set(forms)
    }

    public func matches(_ fields: AuditFields) -> Bool {
        if let caller, fields.caller != caller { return false }
        if let stage, fields.stage != stage { return false }
        if let operation, fields.operation != operation { return false }
        if let status, fields.status != status { return false }
        if let id, fields.id != id { return false }
        if isReportedOnly, fields.wouldRefuse.isEmpty { return false }
        // Times have one form of one length, so their order is that of their bytes.
        if let sinceText, fields.time < sinceText { return false }
        if let untilText, fields.time >= untilText { return false }
        if let subjects, !fields.subjects.contains(where: { subjects.contains($0) }) { return false }
        return true
    }

    private static func json(_ value: [UInt8], _ form: AuditSubjectForm) -> String {
        var bytes: [UInt8] = []
        JSONCursor.append(to: &bytes, expecting: 128 + value.count) { $0.subject(value[...], style: form) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Which of the records that match are shown in the end, decided as they come by in order.
///
/// `Record` is what is kept of each: for the two that need the whole trail, only what may still be shown is held.
public struct AuditSelection<Record> {
    public enum Kind: Sendable {
        case all
        /// Intents without outcome: left by a crash, or under way at the moment.
        case orphans
        /// Deletions that can still be undone, one for each subject.
        case restorable(nowMilliseconds: Int64)
    }

    private let kind: Kind
    private var held: [String: (order: Int, record: Record)] = [:]
    private var count = 0

    public init(_ kind: Kind) { self.kind = kind }

    /// One more record of the trail and whether the filter lets it through. The record to show at once, if any.
    public mutating func take(_ fields: AuditFields, isMatch: Bool, _ record: @autoclosure () -> Record) -> Record? {
        count += 1
        switch kind {
        case .all: return isMatch ? record() : nil
        case .orphans:
            if fields.stage == "outcome" {
                // An outcome ends its intent whether or not the filter wants to see it.
                held[fields.id] = nil
            } else if fields.stage == "intent", isMatch {
                held[fields.id] = (count, record())
            }
        case .restorable(let now):
            guard fields.stage == "outcome", let subject = fields.subjects.first else { return nil }
            if fields.isRestoration {
                held[subject] = nil
            } else if !fields.restorableUntil.isEmpty, isMatch, fields.restorableUntil > RFC3339.string(milliseconds: now) {
                // Where last digits are all that is shown, each deletion is another number as far as anybody knows.
                held[subject.hasPrefix("\"\u{2026}") ? "\(subject) \(count)" : subject] = (count, record())
            }
        }
        return nil
    }

    /// What was held to the end, in the order of the trail.
    public func rest() -> [Record] {
        held.values.sorted { $0.order < $1.order }.map(\.record)
    }
}

/// What the writer has to say about the trail itself, until a record that says it is on disk.
struct AuditNotes {
    private var waiting: [String]
    /// In records that are not synced yet.
    private var held: [String] = []
    private var refusals: UInt64 = 0
    private var outcomes: UInt64 = 0

    init(_ notes: [String]) { waiting = notes }

    mutating func append(_ note: String) { waiting.append(note) }

    mutating func append(contentsOf notes: [String]) { waiting.append(contentsOf: notes) }

    /// Refusals and outcomes that are in no record.
    mutating func count(refusals: UInt64 = 0, outcomes: UInt64 = 0) {
        self.refusals += refusals
        self.outcomes += outcomes
    }

    /// The member `note` of the next record; nil for none.
    var text: String? {
        var all = waiting
        if refusals > 0 { all.append("refusals not recorded: \(refusals)") }
        if outcomes > 0 { all.append("outcomes not recorded: \(outcomes)") }
        return all.isEmpty ? nil : all.joined(separator: "; ")
    }

    /// They stand in a record now, which is not synced yet where that is to come.
    mutating func areWritten(untilSynced isHeld: Bool) {
        if isHeld, let text { held.append(text) }
        waiting.removeAll()
        refusals = 0
        outcomes = 0
    }

    mutating func areSynced() { held.removeAll() }

    /// The records that said them are lost.
    mutating func takeBack() {
        waiting = held + waiting
        held.removeAll()
    }
}

import ArgumentParser
import FoundationEssentials
import GatewayCore
import Glibc

/// `countersign audit query`: who did what, to which number, and can it be undone.
struct AuditQuery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Look up records in an audit trail.",
        discussion: """
            Prints a table, or with --json the records as they stand in the trail, in its order. The chain is not checked: that is \
            "countersign audit verify".

              countersign audit query audit.jsonl* --subject +12065550100
              countersign audit query audit.jsonl --caller billing --since 2026-01-31
              countersign audit query audit.jsonl* --restorable

            Times are RFC 3339, UTC where no zone is given; a date alone is its midnight. Exit code 2: a file cannot be read.
            """)

    @Argument(help: "The files of the trail; \"-\" is standard input.", completion: .file())
    var files: [String]

    @Option(help: "Records of this caller.")
    var caller: String?

    @Option(help: "Records about this value of a parameter, for example a phone number, however the trail shows it.")
    var subject: String?

    @Option(help: "The key of \"audit.subjectKey\", to find pseudonyms.", completion: .file())
    var subjectKeyFile: String?

    @Option(help: "Records from this time on.", transform: AuditQuery.time)
    var since: Int64?

    @Option(help: "Records before this time.", transform: AuditQuery.time)
    var until: Int64?

    @Option(help: "intent, outcome, refusal, admin or checkpoint; checkpoints are shown with this alone.")
    var stage: AuditStageName?

    @Option(help: "Records of this operation, for example DeletePhoneNumber.")
    var operation: String?

    @Option(help: "Records with this status.")
    var status: Int?

    @Option(help: "Records with this countersign-id.")
    var id: String?

    @Flag(help: "What a policy in \"mode\": \"report\" would have refused.")
    var wouldRefuse = false

    @Flag(help: "Intents without outcome: what was under way when the process died (or is at the moment).")
    var orphans = false

    @Flag(help: "Deletions that can still be undone, and until when.")
    var restorable = false

    @Flag(help: "Print the records as they are, one a line.")
    var json = false

    func validate() throws {
        if files.isEmpty { throw ValidationError("Give at least one file of the trail.") }
        if orphans, restorable { throw ValidationError("--orphans and --restorable exclude each other.") }
        if subjectKeyFile != nil, subject == nil { throw ValidationError("--subject-key-file is of use with --subject alone.") }
    }

    func run() throws {
        let filter = try filter()
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        var selection = AuditSelection<String>(orphans ? .orphans : restorable ? .restorable(nowMilliseconds: now) : .all)
        var table = AuditTable(isRestorable: restorable)
        var badLineCount = 0
        do throws(AuditInput.Unreadable) {
            let input = try AuditInput(files) { Audit.complain("skipped \($0): it is no part of the trail") }
            for path in input.paths {
                try AuditInput.readLines(path) { line in
                    guard let fields = AuditFields(line) else {
                        badLineCount += 1
                        return
                    }
                    if stage == nil, fields.stage == "checkpoint" { return }
                    let shown = selection.take(fields, isMatch: filter.matches(fields), String(decoding: line, as: UTF8.self))
                    if let shown { show(shown, &table) }
                }
            }
        } catch {
            Audit.complain("cannot read \(error)")
            throw Audit.unreadable
        }
        for line in selection.rest() { show(line, &table) }
        if !json { print(table.text, terminator: "") }
        if badLineCount > 0 { Audit.complain("\(badLineCount) lines are no records: check the trail with \"countersign audit verify\"") }
    }

    private func show(_ line: String, _ table: inout AuditTable) {
        if json {
            print(line)
        } else if let fields = Array(line.utf8).withUnsafeBytes({ AuditFields($0) }) {
            table.add(fields)
        }
    }

    private func filter() throws -> AuditFilter {
        var filter = AuditFilter()
        filter.caller = caller
        filter.stage = stage?.rawValue
        filter.operation = operation
        filter.status = status
        filter.id = id
        filter.isReportedOnly = wouldRefuse
        filter.since = since
        filter.until = until
        guard let subject else { return filter }
        var key: [UInt8]?
        if let subjectKeyFile {
            key = try AuditKeys.read(subjectKeyFile)
        }
        try filter.restrict(toSubject: subject, key: key)
        return filter
    }

    private static func time(_ text: String) throws -> Int64 {
        guard let milliseconds = RFC3339.parse(text.utf8) else {
            throw ValidationError("\"\(text)\" is no time: write 2026-01-31, 2026-01-31T23:59:59Z or 2026-01-31T23:59:59+02:00.")
        }
        return milliseconds
    }
}

enum AuditStageName: String, ExpressibleByArgument, CaseIterable {
    case intent, outcome, refusal, admin, checkpoint
}

/// Records as columns.
private struct AuditTable {
    private var rows: [[String]]

    private let isRestorable: Bool

    init(isRestorable: Bool) {
        self.isRestorable = isRestorable
        rows = [["SEQ", "TIME", "STAGE", "CALLER", "OPERATION", "SUBJECT", "STATUS", "RESULT", isRestorable ? "RESTORABLE UNTIL" : "ID"]]
    }

    mutating func add(_ fields: AuditFields) {
        let reported = fields.wouldRefuse.isEmpty ? "" : "would refuse: \(fields.wouldRefuse)"
        let result = [fields.state, fields.cause, fields.reason, fields.errorType, reported].filter { !$0.isEmpty }.joined(separator: ", ")
        let subject = fields.subjects.map { $0.filter { $0 != "\"" } }.joined(separator: " ")
        let row = [
            String(fields.sequence), fields.time, fields.stage, fields.caller, fields.operation, subject,
            fields.status == 0 ? "" : String(fields.status), result, isRestorable ? fields.restorableUntil : fields.id,
        ]
        rows.append(row.map { $0.isEmpty ? "-" : $0 })
    }

    /// Nothing but a sentence where there is no record.
    var text: String {
        guard rows.count > 1 else { return "no records\n" }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let line = cells.joined(separator: "  ")
            return line.prefix(through: line.lastIndex { $0 != " " } ?? line.startIndex) + "\n"
        }.joined()
    }
}

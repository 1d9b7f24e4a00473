import ArgumentParser
import GatewayCore
import Glibc

/// `countersign audit verify`: whether a trail is what the gateway wrote.
struct AuditVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the hash chain of an audit trail.",
        discussion: """
            Give all files of the trail, rotated and gzipped ones too; they are put into the order of their records. "-" is standard input.

            The first bad record is named by its "seq" and its line, with what is wrong: edited, missing, swapped, repeated, replaced, cut off. \
            That records are missing at the very end cannot be seen from the trail alone: compare the last hash with one noted before.

            Exit code 0: intact. 1: broken. 2: a file cannot be read.
            """)

    @Argument(help: "The files of the trail.", completion: .file())
    var files: [String]

    @Flag(help: "Let the trail begin with any record, because older files are not at hand.")
    var partial = false

    func validate() throws {
        if files.isEmpty { throw ValidationError("Give at least one file of the trail.") }
    }

    func run() throws {
        var verifier = try AuditVerifier(start: partial ? .anywhere : .first)
        let input: AuditInput
        do throws(AuditInput.Unreadable) {
            input = try AuditInput(files) { Audit.complain("skipped \($0): it is no part of the trail") }
            let progress = AuditProgress()
            for path in input.paths where !verifier.isDecided {
                try AuditInput.read(path) { piece in
                    verifier.consume(piece)
                    progress.show(verifier)
                    return !verifier.isDecided
                }
                verifier.endFile()
            }
            progress.end()
        } catch {
            Audit.complain("cannot read \(error)")
            throw Audit.unreadable
        }
        guard let finding = verifier.finding else {
            print(AuditVerify.intact(verifier, fileCount: input.paths.count))
            return
        }
        print(AuditVerify.broken(finding, input.paths, isPartial: partial))
        throw ExitCode(1)
    }

    static func intact(_ verifier: AuditVerifier, fileCount: Int) -> String {
        let files = fileCount == 1 ? "1 file" : "\(fileCount) files"
        guard let first = verifier.firstSequence else { return "intact: no records in \(files)" }
        let count = verifier.recordCount == 1 ? "1 record" : "\(verifier.recordCount) records"
        return "intact: \(count) in \(files), seq \(first) to \(verifier.chain.nextSequence - 1), last hash \(verifier.chain.previous)"
    }

    static func broken(_ finding: AuditFinding, _ paths: [String], isPartial: Bool) -> String {
        let place = "broken: seq \(finding.sequence), line \(finding.line) of \(paths[finding.file]): "
        switch finding.fault {
        case .edited: return place + "edited: the line does not match its hash"
        case .missing(let last):
            let what = last == finding.sequence ? "this record is missing" : "records \(finding.sequence) to \(last) are missing"
            let hint = finding.sequence == 1 && !isPartial ? " (give the older files too, or --partial)" : ""
            return place + "missing: " + what + hint
        case .swapped(let file, let line): return place + "swapped: this record stands at line \(line) of \(paths[file]) instead"
        case .repeated: return place + "repeated: this record stood before already"
        case .unlinked: return place + "replaced: \"prev\" is not the hash of the record before it, so that one or this one is another"
        case .cutOff: return place + "cut off: the file ends in the middle of the line"
        }
    }
}

/// How far a long check has come, on a terminal only.
private final class AuditProgress {
    private let isShown = isatty(STDERR_FILENO) == 1
    private var next: UInt64 = 64 << 20

    func show(_ verifier: AuditVerifier) {
        guard isShown, verifier.byteCount >= next else { return }
        next = verifier.byteCount + 64 << 20
        Audit.complain("\r\(verifier.recordCount) records, \(verifier.byteCount >> 20) MiB", end: "")
    }

    func end() {
        if isShown, next > 64 << 20 { Audit.complain("\r\u{1B}[K", end: "") }
    }
}

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

            The first bad record is named by its "seq" and its line, with what is wrong: edited, missing, swapped, repeated, replaced, cut off.

            That records are missing at the very end can be seen where the gateway writes checkpoints ("audit.checkpoint"): the last one is \
            kept in FILE.checkpoint, which is looked at where it lies beside a file given or is named with --checkpoint. Without checkpoints, \
            compare the last hash with one noted before. With a key, every checkpoint's signature is checked, and there must be one.

              countersign audit verify audit.jsonl* --public-key checkpoint.pub
              countersign audit verify audit.jsonl* --key-file checkpoint.key --checkpoint /mnt/other/audit.jsonl.checkpoint

            Exit code 0: intact. 1: broken. 2: a file cannot be read.
            """)

    @Argument(help: "The files of the trail.", completion: .file())
    var files: [String]

    @Flag(help: "Let the trail begin with any record, because older files are not at hand.")
    var partial = false

    @Option(help: "The key of \"audit.checkpoint\" for hmac-sha256; repeat it after a change of keys.", completion: .file())
    var keyFile: [String] = []

    @Option(help: "The public key for ed25519, in PEM form; repeat it after a change of keys.", completion: .file())
    var publicKey: [String] = []

    @Option(help: "A checkpoint that was kept elsewhere: the trail must hold it.", completion: .file())
    var checkpoint: String?

    func validate() throws {
        if files.isEmpty { throw ValidationError("Give at least one file of the trail.") }
    }

    func run() throws {
        let keys = try AuditKeys(keyFiles: keyFile, publicKeys: publicKey)
        // Read before the trail, which may grow meanwhile: a checkpoint is in the trail before it is in its own file.
        let kept = try AuditKept(checkpoint: checkpoint, files: files)
        if let kept, !keys.all.isEmpty, !kept.checkpoint.isSigned(by: keys.all) {
            print("broken: \(kept.path): the checkpoint is not signed by the key")
            throw ExitCode(1)
        }
        var verifier = try AuditVerifier(start: partial ? .anywhere : .first, keys: keys.all, kept: kept?.checkpoint)
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
            verifier.finish()
            progress.end()
        } catch {
            Audit.complain("cannot read \(error)")
            throw Audit.unreadable
        }
        guard let finding = verifier.finding else {
            print(AuditVerify.intact(verifier, fileCount: input.paths.count))
            print(AuditVerify.checkpoints(verifier, areChecked: !keys.all.isEmpty), terminator: "")
            return
        }
        print(AuditVerify.broken(finding, input.paths, isPartial: partial))
        throw ExitCode(1)
    }

    /// A line about checkpoints, or nothing where there are none.
    static func checkpoints(_ verifier: AuditVerifier, areChecked: Bool) -> String {
        guard let last = verifier.lastCheckpoint else { return "" }
        let count = verifier.checkpointCount == 1 ? "1 checkpoint" : "\(verifier.checkpointCount) checkpoints"
        let rest = verifier.chain.nextSequence - 1 - last.sequence
        let behind = rest == 0 ? "none after it" : rest == 1 ? "1 record after it" : "\(rest) records after it"
        return "\(count), the last one of \(last.time) at seq \(last.sequence), \(behind); "
            + (areChecked ? "signatures are good\n" : "signatures not checked (give --key-file or --public-key)\n")
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
        case .endMissing(let last):
            let what = last == finding.sequence ? "this record is missing" : "records \(finding.sequence) to \(last) at least are missing"
            return place + "cut off: " + what + " at the end, a checkpoint says"
        case .badSignature: return place + "checkpoint: its signature is not that of the key"
        case .otherCheckpoint: return place + "replaced: another record stands in the place of the checkpoint that was kept"
        case .unsigned: return place + "unsigned: there is no checkpoint in these files"
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

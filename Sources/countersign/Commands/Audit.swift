import ArgumentParser
import Glibc

/// `countersign audit`: reading a trail.
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check an audit trail, or look something up in it.",
        subcommands: [AuditVerify.self, AuditQuery.self])

    /// A file could not be read.
    static let unreadable = ExitCode(2)

    /// Writes to standard error.
    static func complain(_ text: String, end: String = "\n") {
        let bytes = Array((text + end).utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

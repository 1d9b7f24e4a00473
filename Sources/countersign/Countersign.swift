import ArgumentParser
import Gateway

/// The program: one command a job.
@main
struct Countersign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "countersign",
        abstract: "A signing reverse proxy: plain requests in, requests signed with AWS Signature Version 4 out.",
        discussion: """
            Internal services that hold no AWS credentials send countersign plain requests. It knows the caller, checks what the caller may do, \
            paces it, writes an audit record, signs and forwards, and gives back one honest answer.

            Try it without an AWS account: countersign demo
            """,
        version: "countersign \(Version.text)",
        subcommands: [
            Serve.self, Check.self, Demo.self, Sign.self, Audit.self, HashToken.self, Wait.self, Status.self, Freeze.self, Thaw.self,
            Quit.self, Double_.self,
        ])

    /// Usage mistakes end with 64 and configuration mistakes with 78, as sysexits(3) has them; the library does the first by itself.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            exit(withError: error)
        }
    }
}

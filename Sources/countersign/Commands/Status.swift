import ArgumentParser
import FoundationEssentials
import Gateway
import Glibc

/// `countersign status`: what a running gateway does, in the terminal.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what a running gateway does.",
        discussion: """
            In a terminal the table is drawn anew every second until Ctrl-C; elsewhere, or with --once, it is printed once.

            Exit code 69: no gateway answers.
            """)

    @OptionGroup var source: AdminOption
    @Flag(help: "Print once, in a terminal, too.")
    var once = false
    @Flag(help: "Print what /status says, as it is.")
    var json = false

    func run() throws {
        let client = AdminClient(address: try source.address())
        guard isatty(STDOUT_FILENO) == 1, !once, !json else {
            do throws(AdminClient.Failure) { print(try text(client), terminator: "") } catch {
                StandardStreams.complain("countersign: \(error)\n")
                throw AdminClient.unavailable
            }
            return
        }
        while true {
            let shown: String
            do throws(AdminClient.Failure) { shown = try text(client) } catch { shown = error.description + "\n" }
            // Home, each line to its end, and whatever is below.
            print("\u{1B}[H" + shown.replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J", terminator: "")
            fflush(nil)
            sleep(1)
        }
    }

    private func text(_ client: AdminClient) throws(AdminClient.Failure) -> String {
        let answer = try client.get("/status")
        guard answer.status == 200 else { throw AdminClient.Failure(description: "/status says \(answer.status): \(answer.body)") }
        if json { return answer.body }
        guard let document = StatusDocument(answer.body) else {
            throw AdminClient.Failure(description: "/status at \(client.address) is not as this version knows it: try --json.")
        }
        return document.table
    }
}

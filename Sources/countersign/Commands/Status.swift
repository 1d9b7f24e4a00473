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

    func run() throws { try reportingUsageMistakes(of: "status") { try show() } }

    private func show() throws {
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
            print("\u{1B}[H" + Self.fitted(shown).replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J", terminator: "")
            fflush(nil)
            sleep(1)
        }
    }

    /// As much as the terminal shows: what is drawn over itself must neither wrap nor scroll.
    private static func fitted(_ text: String) -> String {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 2, size.ws_col > 0 else { return text }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.prefix(Int(size.ws_col)) }
        if lines.last?.isEmpty == true { lines.removeLast() }
        // The cursor stands in the last row.
        let room = Int(size.ws_row) - 1
        if lines.count > room {
            let hidden = lines.count - (room - 1)
            lines = lines.prefix(room - 1) + ["... \(hidden) more lines: countersign status --once".prefix(Int(size.ws_col))]
        }
        return lines.map { $0 + "\n" }.joined()
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

import ArgumentParser
import FoundationEssentials
import Glibc

/// `countersign wait`: for scripts that must not start before the gateway.
struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until a gateway is ready.",
        discussion: """
            For jobs beside a sidecar: countersign wait && ./job

            Exit code 0: it is ready. 69: it was not within the time, and why.
            """)

    @OptionGroup var source: AdminOption
    @Option(help: "For how many seconds.")
    var timeout: Double = 60

    func validate() throws {
        guard timeout >= 0, timeout <= 86_400 else { throw ValidationError("--timeout is a number of seconds from 0 to 86400.") }
    }

    func run() throws { try reportingUsageMistakes(of: "wait") { try wait() } }

    private func wait() throws {
        var client = AdminClient(address: try source.address())
        client.timeoutSeconds = 2
        let end = ContinuousClock.now + .seconds(timeout)
        while true {
            let problem: String
            do throws(AdminClient.Failure) {
                let answer = try client.get("/ready")
                if answer.status == 200 { return }
                problem = "The gateway at \(client.address) is not ready: \(answer.body.split(separator: "\n").joined(separator: "; "))."
            } catch { problem = error.description }
            guard ContinuousClock.now < end else {
                StandardStreams.complain("countersign: \(problem)\n")
                throw AdminClient.unavailable
            }
            usleep(50_000)
        }
    }
}

import ArgumentParser
import FoundationEssentials
import GatewayConfig
import Glibc

/// `countersign freeze`: stops everything that changes something.
struct Freeze: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze",
        abstract: "Refuse all calls that change something, now and until thaw.",
        discussion: """
            When it returns with exit code 0, nothing but GET, HEAD and OPTIONS leaves the gateway any more, and a restart does not change that. \
            Callers get 503 with the name and the reason, so name no phone number.

            Exit code 69: no gateway answers. 75: it is frozen, but a restart would forget it. 77: the token is not the one, or none is configured.
            """)

    @OptionGroup var order: OperatorOrder

    func run() throws { try reportingUsageMistakes(of: "freeze") { try order.give("/freeze") } }
}

/// `countersign thaw`: the end of a freeze.
struct Thaw: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thaw",
        abstract: "Let calls that change something through again.",
        discussion: "Exit code 69: no gateway answers. 75: it is still frozen. 77: the token is not the one, or none is configured.")

    @OptionGroup var order: OperatorOrder

    func run() throws { try reportingUsageMistakes(of: "thaw") { try order.give("/thaw") } }
}

/// `countersign quit`: what SIGTERM does, for who cannot send one.
struct Quit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quit",
        abstract: "End the gateway as SIGTERM does: drain, then exit 0.",
        discussion: "Exit code 69: no gateway answers. 77: the token is not the one, or none is configured.")

    @OptionGroup var source: AdminOption
    @OptionGroup var access: AdminTokenOption

    func run() throws {
        try reportingUsageMistakes(of: "quit") {
            try AdminCommand(path: "/quit", source: source, access: access, reason: nil, by: nil).run()
        }
    }
}

/// What `freeze` and `thaw` are told: where, with which right, why and by whom.
struct OperatorOrder: ParsableArguments {
    @OptionGroup var source: AdminOption
    @OptionGroup var access: AdminTokenOption
    @Option(help: "Why, in a few words: for the audit trail, and callers are told while it is frozen.")
    var reason: String?
    @Option(help: "Who you are, for the same. (default: your user name)")
    var by: String?

    func give(_ path: String) throws {
        try AdminCommand(path: path, source: source, access: access, reason: reason, by: by).run()
    }
}

/// What the three have in common.
private struct AdminCommand {
    var path: String
    var source: AdminOption
    var access: AdminTokenOption
    var reason: String?
    var by: String?

    func run() throws {
        let client = AdminClient(address: try source.address())
        var form = [("by", by ?? Self.userName)]
        if let reason { form.append(("reason", reason)) }
        let answer: AdminClient.Answer
        do { answer = try client.post(path, form: form, token: try access.token()) } catch let failure as AdminClient.Failure {
            StandardStreams.complain("countersign: \(failure)\n")
            throw AdminClient.unavailable
        }
        guard (200...299).contains(answer.status) else {
            StandardStreams.complain("countersign: \(answer.body)")
            switch answer.status {
            case 401, 403: throw AdminClient.denied
            case 400, 413: throw ExitCode.validationFailure
            case 404, 405: throw AdminClient.unavailable
            default: throw AdminClient.failed
            }
        }
        print(answer.body, terminator: "")
    }

    private static var userName: String {
        let environment = EnvironmentVariables.process
        for name in ["SUDO_USER", "USER", "LOGNAME"] {
            if let value = environment[name], !value.isEmpty { return value }
        }
        return "uid \(getuid())"
    }
}

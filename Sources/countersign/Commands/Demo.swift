import ArgumentParser
import ChimeDouble
import FoundationEssentials
import Gateway
import GatewayConfig
import Glibc
import NIOPosix

/// `countersign demo`: gateway and embedded Chime double, without configuration and without an AWS account.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run the gateway in front of an embedded Amazon Chime stand-in: no configuration, no AWS account.",
        discussion: "Sends one plain DELETE through the gateway, shows what the stand-in received, and prints curl lines to try.")

    @Option(help: "Port of the gateway on 127.0.0.1; 0 picks a free one.")
    var port = 8080

    @Flag(help: "Show the one DELETE and end.")
    var once = false

    @OptionGroup var logging: LogOptions
    @OptionGroup var protection: ProcessProtection

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535.") }
    }

    func run() async throws {
        let logger = logging.makeLogger()
        protection.apply(logger: logger)
        signal(SIGPIPE, SIG_IGN)
        let signals = await Signals.stream([SIGTERM, SIGINT, SIGHUP])
        let double = try await ChimeDoubleServer.start(group: .singletonMultiThreadedEventLoopGroup, options: ChimeDoubleOptions())
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "countersign-demo-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let settings = try DemoConfiguration.settings(gatewayPort: port, doublePort: double.port, folder: folder)
        let server: GatewayServer
        do {
            server = try await GatewayServer.start(settings, logger: logger)
        } catch let error as StartError {
            StandardStreams.complain("countersign: \(error)\nTry another port: countersign demo --port 0\n")
            throw ExitCode(error.exitCode)
        }
        let address = await server.addresses.first ?? ""
        let tour = DemoTour(
            address: address, double: double, audit: folder.appendingPathComponent("audit.jsonl").path,
            admin: await server.adminAddress ?? "")
        try await tour.show()
        if once {
            await server.stop()
        } else {
            print("\nRunning until Ctrl-C.")
            fflush(nil)
            try await GatewayProcess(server: server, logger: logger, reload: { settings }).run(signals)
        }
        try await double.stop()
    }
}

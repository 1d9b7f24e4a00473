import ArgumentParser
import FoundationEssentials
import Gateway
import GatewayConfig
import Glibc
import Logging

/// `countersign serve`: the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the gateway.",
        discussion: """
            SIGTERM or SIGINT: not ready at once, keeps accepting for drain.delay, finishes what it has within drain.timeout, exits 0; a second \
            one ends now. SIGHUP: reloads the configuration and reopens files; a bad configuration is refused and the old one stays.

            Exit code 78: the configuration is bad. 69: an address cannot be bound or a needed service is missing.
            """)

    @OptionGroup var source: ConfigurationOption
    @OptionGroup var logging: LogOptions
    @OptionGroup var protection: ProcessProtection

    func run() async throws {
        // First of all: descriptors and variables that are meant for this process alone.
        let inherited = InheritedSockets.take()
        _ = ServiceNotifier.shared
        let logger = logging.makeLogger()
        protection.apply(logger: logger)
        OpenFiles.allowAll()
        signal(SIGPIPE, SIG_IGN)
        // Before anything is opened, so that a signal during start-up is not lost.
        let signals = await Signals.stream([SIGTERM, SIGINT, SIGHUP])
        let settings = try source.load()
        settings.logWarnings(to: logger)
        let server: GatewayServer
        do {
            server = try await GatewayServer.start(settings, inherited: inherited, logger: logger)
        } catch let error as StartError {
            StandardStreams.complain("countersign: \(error)\n")
            throw ExitCode(error.exitCode)
        }
        try await GatewayProcess(server: server, logger: logger, reload: { try source.reload() }).run(signals)
    }
}

extension ConfigurationOption {
    /// The configuration as it is now, or the mistakes in it as one text.
    func reload() throws -> Settings {
        try ConfigurationLoader.load(path: resolvedPath(), environment: .process)
    }
}

extension Settings {
    func logWarnings(to logger: Logger) {
        for warning in warnings { logger.warning("configuration", metadata: ["cause": .string("\(warning)")]) }
    }
}

/// A running server and the signals it answers.
struct GatewayProcess {
    let server: GatewayServer
    let logger: Logger
    let reload: ConfigurationSource

    /// Returns when the gateway has stopped.
    func run(_ signals: AsyncStream<Int32>) async throws {
        let ended = AsyncStream<Void>.makeStream()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                var draining: Task<Void, Never>?
                for await number in signals {
                    if number == SIGHUP {
                        if draining == nil { await hangUp() }
                    } else if let draining {
                        logger.warning("second signal: ending now")
                        // The drain itself ends the gateway, so that two never do it side by side.
                        draining.cancel()
                    } else {
                        draining = Task {
                            await server.drain()
                            ended.continuation.finish()
                        }
                    }
                }
                return true
            }
            group.addTask {
                for await _ in ended.stream {}
                return true
            }
            group.addTask {
                await server.keepWatchdogQuiet()
                return true
            }
            group.addTask {
                await server.watchFiles(reload)
                // Cancelled: another task has ended the gateway.
                return true
            }
            _ = await group.next()
            group.cancelAll()
        }
    }

    /// SIGHUP: files are reopened in any case; the configuration is taken only when it is good.
    private func hangUp() async {
        await server.reopenFiles()
        await server.reload(.signal, from: reload)
    }
}

import ArgumentParser
import FoundationEssentials
import GatewayConfig

/// `--config`, as every command that reads the configuration takes it.
struct ConfigurationOption: ParsableArguments {
    /// EX_CONFIG of sysexits(3).
    static let badConfiguration = ExitCode(78)

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp("The configuration file. (default: $COUNTERSIGN_CONFIG, else config.json)", valueName: "file"))
    var path: String?

    /// The option, else `COUNTERSIGN_CONFIG`, else `config.json` in the working directory.
    func resolvedPath(environment: EnvironmentVariables = .process) -> String {
        if let path { return path }
        if let path = environment["COUNTERSIGN_CONFIG"], !path.isEmpty { return path }
        return "config.json"
    }

    /// The validated configuration. With mistakes, all of them go to standard error and the command ends with exit code 78.
    func load(environment: EnvironmentVariables = .process) throws -> Settings {
        do {
            return try ConfigurationLoader.load(path: resolvedPath(environment: environment), environment: environment)
        } catch {
            StandardStreams.complain("\(error)\n")
            throw Self.badConfiguration
        }
    }
}

import ArgumentParser
import GatewayConfig

/// `countersign check`: what a configuration means, or everything that is wrong with it.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate the configuration and print what it means.",
        discussion: """
            Prints the effective listeners, upstreams, callers, routes and limits, defaults filled in and secrets left out. \
            Every mistake is reported in one run, with its place in the file and what to write instead.

            Exit code 0: the configuration is good. 78: it is not, or there is none.
            """)

    @OptionGroup var source: ConfigurationOption

    func run() throws {
        let path = source.resolvedPath()
        let settings = try source.load()
        for warning in settings.warnings { StandardStreams.complain("warning: \(warning)\n") }
        print("\(path) is valid.\n\n\(SettingsSummary.text(settings))", terminator: "")
    }
}

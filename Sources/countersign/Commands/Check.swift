import ArgumentParser
import Gateway
import GatewayConfig

/// `countersign check`: what a configuration means, or everything that is wrong with it.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate the configuration and print what it means.",
        discussion: """
            Prints the effective listeners, upstreams, callers, routes and limits, defaults filled in and secrets left out. \
            Every mistake is reported in one run, with its place in the file and what to write instead. Certificates, keys and \
            revocation lists are loaded and checked against each other, as a start would.

            Exit code 0: the configuration is good. 78: it is not, or there is none.
            """)

    @OptionGroup var source: ConfigurationOption

    func run() throws {
        let path = source.resolvedPath()
        let settings = try source.load()
        let files = TLSFiles(settings)
        guard files.mistakes.isEmpty else {
            let count = files.mistakes.count
            let sentences = files.mistakes.map { "  \($0)\n" }.joined()
            StandardStreams.complain("\(path): \(count) \(count == 1 ? "mistake" : "mistakes")\n\(sentences)")
            throw ConfigurationOption.badConfiguration
        }
        for warning in settings.warnings.map(\.description) + files.doubts { StandardStreams.complain("warning: \(warning)\n") }
        print("\(path) is valid.\n\n\(SettingsSummary.text(settings))", terminator: "")
    }
}

import ArgumentParser
import FoundationEssentials

/// Runs a command's work; a mistake in its input that only shows there ends it like one in its arguments: a sentence on standard
/// error and exit code 64 (EX_USAGE of sysexits(3)).
func reportingUsageMistakes(of command: String, _ body: () throws -> Void) throws {
    do {
        try body()
    } catch let mistake as ValidationError {
        let text = "Error: \(mistake.message)\n  See 'countersign \(command) --help' for more information.\n"
        StandardStreams.complain(text)
        throw ExitCode.validationFailure
    }
}

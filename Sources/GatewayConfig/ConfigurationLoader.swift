import Digests
import GatewayCore

/// Reads and validates a configuration file (JSON, RFC 8259), reporting every mistake of it at once.
public enum ConfigurationLoader {
    /// In bytes; more is not a configuration.
    private static let maximumBytes = 16_777_216

    /// Reads the file at `path` and the files that it names. Relative paths in it start at the folder that it lies in.
    /// - Throws: `ConfigurationErrors` with all mistakes, in the order of the file.
    public static func load(
        path: String, environment: EnvironmentVariables = .process
    ) throws(ConfigurationErrors) -> Settings {
        let content: FileContent
        do {
            content = try FileReading.read(path, limit: maximumBytes)
        } catch {
            let remedy =
                error.isMissing
                ? "copy config.example.json there, or name another file with --config or COUNTERSIGN_CONFIG; countersign demo needs none"
                : error.remedy
            throw ConfigurationErrors(
                file: path, mistakes: [ConfigurationMistake(path: "", problem: "the file \(error.problem)", remedy: remedy)])
        }
        return try read(content, file: path, absolutePath: FileReading.absolute(path), environment: environment)
    }

    /// Validates a configuration that is not in a file; `directory` (absolute) is where its relative paths start.
    public static func read(
        json: String, directory: String, environment: EnvironmentVariables = .process
    ) throws(ConfigurationErrors) -> Settings {
        try read(
            FileContent(bytes: Array(json.utf8), owner: 0), file: "configuration",
            absolutePath: FileReading.resolve("configuration", in: directory),
            environment: environment)
    }

    private static func read(
        _ content: FileContent, file: String, absolutePath: String, environment: EnvironmentVariables
    ) throws(ConfigurationErrors) -> Settings {
        let source = SourceText(content.bytes)
        let root: JSONNode
        do {
            root = try JSONParser.parse(content.bytes)
        } catch {
            let place = source.place(of: error.offset)
            let mistake = ConfigurationMistake(
                path: "", line: place.line, column: place.column, problem: error.problem, remedy: error.remedy)
            throw ConfigurationErrors(file: file, mistakes: [mistake])
        }
        let context = ReadingContext(source: source, directory: FileReading.directory(of: absolutePath), environment: environment)
        let settings = Field(node: root, path: "", context: context).settings()
        let mistakes = context.sortedMistakes
        let sourceFiles = [absolutePath] + context.sourceFiles
        guard var settings, mistakes.isEmpty else {
            throw ConfigurationErrors(file: file, mistakes: mistakes, sourceFiles: sourceFiles)
        }
        settings.sourceFiles = sourceFiles
        settings.digest = digest(of: content.bytes)
        if context.isExposed(content, at: absolutePath), let field = context.inlineSecret {
            settings.warnings = [context.placed(.exposed(absolutePath, mode: content.mode), field.path, at: field.node.offset)]
        }
        return settings
    }

    private static let digestDigits = 16

    /// Empty where libcrypto cannot hash, which a gateway would not survive for other reasons.
    private static func digest(of bytes: [UInt8]) -> String {
        (try? SHA256.hash(bytes)).map { String(Hex.string($0).prefix(digestDigits)) } ?? ""
    }
}

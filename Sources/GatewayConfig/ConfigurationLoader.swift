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
        try read(try content(of: path), file: path, absolutePath: FileReading.absolute(path), environment: environment)
    }

    private static func content(of path: String) throws(ConfigurationErrors) -> FileContent {
        do {
            return try FileReading.read(path, limit: maximumBytes)
        } catch {
            let remedy =
                error.isMissing
                ? "copy config.example.json there, or name another file with --config or COUNTERSIGN_CONFIG; countersign demo needs none"
                : error.remedy
            throw ConfigurationErrors(
                file: path, mistakes: [ConfigurationMistake(path: "", problem: "the file \(error.problem)", remedy: remedy)])
        }
    }

    private static func root(of content: FileContent, in source: SourceText, file: String) throws(ConfigurationErrors) -> JSONNode {
        do {
            return try JSONParser.parse(content.bytes)
        } catch {
            let place = source.place(of: error.offset)
            let mistake = ConfigurationMistake(
                path: "", line: place.line, column: place.column, problem: error.problem, remedy: error.remedy)
            throw ConfigurationErrors(file: file, mistakes: [mistake])
        }
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

    /// Where the gateway with the configuration at `path` takes operators' commands; nil where it has no `admin`. Nothing else of the file
    /// has to be right: secrets may be missing where the command runs, and a gateway whose new configuration is bad goes on with its old one.
    /// - Throws: `ConfigurationErrors` where the file cannot be read, is not JSON, or its `admin` names no address.
    public static func adminAddress(
        path: String, environment: EnvironmentVariables = .process
    ) throws(ConfigurationErrors) -> BindAddress? {
        let content = try content(of: path)
        let source = SourceText(content.bytes)
        let root = try root(of: content, in: source, file: path)
        guard case .object(let members) = root.value, let member = members.first(where: { $0.key == RootKey.admin.rawValue }) else {
            return nil
        }
        let directory = FileReading.directory(of: FileReading.absolute(path))
        let context = ReadingContext(source: source, directory: directory, environment: environment)
        guard let settings = Field(node: member.node, path: member.key, context: context).admin() else {
            throw ConfigurationErrors(file: path, mistakes: context.sortedMistakes)
        }
        return settings.bind
    }

    private static func read(
        _ content: FileContent, file: String, absolutePath: String, environment: EnvironmentVariables
    ) throws(ConfigurationErrors) -> Settings {
        let source = SourceText(content.bytes)
        let root = try root(of: content, in: source, file: file)
        let context = ReadingContext(source: source, directory: FileReading.directory(of: absolutePath), environment: environment)
        let settings = Field(node: root, path: "", context: context).settings()
        let mistakes = context.sortedMistakes
        let sourceFiles = [absolutePath] + context.sourceFiles
        guard var settings, mistakes.isEmpty else {
            throw ConfigurationErrors(file: file, mistakes: mistakes, sourceFiles: sourceFiles)
        }
        settings.sourceFiles = sourceFiles
        settings.digest = digest(of: content.bytes)
        if context.isExposed(content, at: absolutePath), let secret = context.inlineSecret {
            settings.warnings = [context.placed(.exposed(absolutePath, mode: content.mode), secret.path, at: secret.offset)]
        }
        return settings
    }

    private static let digestDigits = 16

    /// Empty where libcrypto cannot hash, which a gateway would not survive for other reasons.
    private static func digest(of bytes: [UInt8]) -> String {
        (try? SHA256.hash(bytes)).map { String(Hex.string($0).prefix(digestDigits)) } ?? ""
    }
}

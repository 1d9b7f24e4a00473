#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What one reading of a configuration needs everywhere, and the mistakes that it has found so far.
final class ReadingContext {
    let environment: EnvironmentVariables
    /// Relative paths start here.
    let directory: String
    /// Absolute paths of the files that were read or named.
    private(set) var sourceFiles: [String] = []
    /// The path and the place of the first secret that stands in the configuration file itself. Not its field: that holds this object, and
    /// each would keep the other, with every secret of the file, for ever.
    private(set) var inlineSecret: (path: String, offset: Int)?
    private var mistakes: [(offset: Int, mistake: ConfigurationMistake)] = []
    private let source: SourceText

    init(source: SourceText, directory: String, environment: EnvironmentVariables) {
        self.source = source
        self.directory = directory
        self.environment = environment
    }

    func report(_ path: String, at offset: Int, _ problem: String, _ remedy: String) {
        mistakes.append((offset, placed(ValueProblem(problem, remedy), path, at: offset)))
    }

    func placed(_ found: ValueProblem, _ path: String, at offset: Int) -> ConfigurationMistake {
        let place = source.place(of: offset)
        return ConfigurationMistake(path: path, line: place.line, column: place.column, problem: found.problem, remedy: found.remedy)
    }

    /// In the order of the file; those at the same place in the order found.
    var sortedMistakes: [ConfigurationMistake] {
        mistakes.enumerated().sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }.map(\.element.mistake)
    }

    func noteInlineSecret(_ path: String, at offset: Int) {
        if inlineSecret == nil { inlineSecret = (path, offset) }
    }

    func noteSourceFile(_ path: String) {
        if !sourceFiles.contains(path) { sourceFiles.append(path) }
    }

    func isExposed(_ content: FileContent, at path: String) -> Bool { content.isExposed(at: path, environment: environment) }

    func resolve(_ path: String) -> String { FileReading.resolve(path, in: directory) }
}

/// Why a value is not what its key takes: `problem` goes on after the value (`is not a rate`).
struct ValueProblem: Error, Equatable {
    var problem: String
    var remedy: String

    init(_ problem: String, _ remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }

    static func exposed(_ path: String, mode: String) -> ValueProblem {
        ValueProblem(
            "group or others can read \(path) (mode \(mode)), which holds a secret", "run: chmod 600 \(FileReading.shellQuoted(path))")
    }
}

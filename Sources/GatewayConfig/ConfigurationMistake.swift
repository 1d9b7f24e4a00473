/// One thing in the configuration that is wrong, where it stands and what to write instead.
public struct ConfigurationMistake: Sendable, Equatable, CustomStringConvertible {
    /// `routes[0].parameters.phoneNumberId.format`; empty where the whole file is meant.
    public var path: String
    /// Both from 1; columns count characters. nil where no place in the file is meant.
    public var line: Int?
    public var column: Int?
    /// What is wrong, without a full stop. Never holds a secret or a phone number.
    public var problem: String
    /// What to write or do instead, without a full stop.
    public var remedy: String

    public init(path: String, line: Int? = nil, column: Int? = nil, problem: String, remedy: String) {
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem
        self.remedy = remedy
    }

    /// `routes[0].method (line 12, column 30): "delete" is in lower case: write "DELETE"`
    public var description: String {
        var place = path
        if let line, let column {
            place += place.isEmpty ? "line \(line), column \(column)" : " (line \(line), column \(column))"
        }
        return (place.isEmpty ? "" : place + ": ") + "\(problem): \(remedy)"
    }
}

/// Every mistake of one configuration, in the order of the file.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
    /// The configuration file as it was named.
    public var file: String
    /// At least one.
    public var mistakes: [ConfigurationMistake]
    /// Absolute paths of the files that were read or named, missing ones too: one of them may be what is wrong.
    public var sourceFiles: [String]

    public init(file: String, mistakes: [ConfigurationMistake], sourceFiles: [String] = []) {
        self.file = file
        self.mistakes = mistakes
        self.sourceFiles = sourceFiles
    }

    /// A heading and one line a mistake, without a newline at the end.
    public var description: String {
        let heading = mistakes.count == 1 ? "\(file): 1 mistake" : "\(file): \(mistakes.count) mistakes"
        return ([heading] + mistakes.map { "  \($0)" }).joined(separator: "\n")
    }
}

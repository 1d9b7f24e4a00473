/// `~/.aws/config` or `~/.aws/credentials`: sections of `key = value` lines, as the AWS SDKs and Tools reference describes them
/// ("Shared config and credentials files"). Nested settings (indented lines under a key without a value) are passed over.
public struct SharedConfigFile: Sendable, Equatable {
    public enum Kind: Sendable {
        /// Profiles stand as `[profile name]`, but `[default]`.
        case config
        /// Profiles stand as `[name]`.
        case credentials
    }

    /// By profile, then by key in lower case. A profile that stands twice is joined, later values winning.
    public private(set) var profiles: [String: [String: String]] = [:]

    public init(_ text: String, kind: Kind) {
        var current: String?
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first == "[" {
                current = Self.profile(in: line, kind)
                if let current { profiles[current, default: [:]].merge([:]) { $1 } }
                continue
            }
            // An indented line belongs to the key before it.
            guard let current, !first.isWhitespace, let equals = line.firstIndex(of: "=") else { continue }
            let key = Self.trimmed(line[..<equals]).lowercased()
            var value = Self.trimmed(line[line.index(after: equals)...])
            // A comment starts behind white space (SDKs reference, "Format of the config files").
            for mark in [" #", " ;", "\t#", "\t;"] {
                if let range = Self.firstRange(of: mark, in: value) { value = Self.trimmed(value[..<range]) }
            }
            profiles[current, default: [:]][key] = value
        }
    }

    private static func profile(in line: Substring, _ kind: Kind) -> String? {
        guard let end = line.firstIndex(of: "]") else { return nil }
        let name = trimmed(line[line.index(after: line.startIndex)..<end])
        switch kind {
        case .credentials: return name.isEmpty ? nil : name
        case .config:
            if name == "default" { return name }
            let parts = name.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
            guard parts.count == 2, parts[0] == "profile" else { return nil }
            return unquoted(trimmed(parts[1]))
        }
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let first = text.first, first == "\"" || first == "'", text.last == first else { return text }
        return String(text.dropFirst().dropLast())
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    private static func firstRange(of mark: String, in text: String) -> String.Index? {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index...].hasPrefix(mark) { return index }
            index = text.index(after: index)
        }
        return nil
    }
}

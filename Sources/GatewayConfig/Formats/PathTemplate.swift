import GatewayCore

/// `/phone-numbers/{phoneNumberId}`: literal segments and parameters, each of which takes one whole segment.
struct PathTemplate {
    var segments: [TemplateSegment]

    init(_ text: String) throws(ValueProblem) {
        guard text.hasPrefix("/") else { throw ValueProblem("does not start with '/'", "write \"/\(text)\"") }
        guard !text.contains("?") else { throw ValueProblem("holds a query", "write the path alone, and \"query\": true beside it") }
        segments = []
        guard text != "/" else { return }
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard !part.isEmpty else {
                throw ValueProblem("has an empty segment", "write single slashes, and none at the end")
            }
            segments.append(try Self.segment(part))
        }
        let names = parameterNames
        if let twice = names.first(where: { name in names.count(where: { $0 == name }) > 1 }) {
            throw ValueProblem("has the parameter {\(twice)} twice", "give each parameter its own name")
        }
    }

    var parameterNames: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// The same for two templates that match the same paths.
    static func shape(_ segments: [TemplateSegment]) -> String {
        segments.map { if case .literal(let text) = $0 { "/" + text } else { "/{}" } }.joined()
    }

    private static func segment(_ part: Substring) throws(ValueProblem) -> TemplateSegment {
        if part.contains("{") || part.contains("}") {
            let name = part.dropFirst().dropLast()
            guard part.hasPrefix("{"), part.hasSuffix("}"), let first = name.utf8.first, !(0x30...0x39).contains(first),
                name.utf8.count <= 64,
                name.utf8.allSatisfy({ NameRule.isAlphanumeric($0) || $0 == UInt8(ascii: "_") })
            else {
                throw ValueProblem(
                    "has a segment \(Shown.quoted(String(part))) that is no parameter",
                    "write a whole segment as {name}, the name of letters and digits")
            }
            return .parameter(String(name))
        }
        guard part != ".", part != ".." else { throw ValueProblem("has a dot segment", "write the path without it") }
        guard part.utf8.allSatisfy({ NameRule.isNameByte($0) || "~!$&'()*+,;=:@".utf8.contains($0) }) else {
            throw ValueProblem(
                "has a segment \(Shown.quoted(String(part))) with a character that does not stand in paths",
                "write letters, digits and -._~!$&'()*+,;=:@, without percent-encoding")
        }
        return .literal(String(part))
    }
}

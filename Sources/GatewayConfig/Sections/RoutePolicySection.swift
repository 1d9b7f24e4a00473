import GatewayCore

/// Who may use a route, and which values of its parameters may be named.
extension Field {
    func parameters(of template: PathTemplate?) -> [ParameterRule]? {
        namedFields("write {\"phoneNumberId\": {\"format\": \"e164\"}}, or leave the key out")?.compactMap { name, field in
            field.checkIsParameter(name, of: template)
            guard let keys = field.object(ParameterKey.self) else { return nil }
            let format = keys[.format]?.choice(ParameterFormat.self) ?? .any
            return ParameterRule(
                name: name, format: format, deny: keys[.deny]?.deniedValues(format, by: "nobody may name") ?? [],
                allowPrefix: keys[.allowPrefix]?.prefixes(format) ?? [])
        }
    }

    /// The callers of a route: no names for `["*"]`; each is a name, or an object with conditions.
    func routeCallers(_ declared: [String]?, template: PathTemplate?, parameters: [ParameterRule]) -> (
        names: [String]?, conditions: [RouteCallerRule]
    )? {
        let remedy = "write [\"*\"] for every known caller, or name those who may call"
        if case .array(let nodes) = node.value, nodes.contains(where: { $0.value == .string("*") }) {
            if nodes.count > 1 { fail("\"*\" stands beside names, which it makes meaningless", remedy) }
            return (nil, [])
        }
        guard let elements = elements(remedy) else { return nil }
        var names: [String] = []
        var conditions: [RouteCallerRule] = []
        for element in elements {
            let rule = element.isFileReference ? nil : element.routeCaller(declared, template, parameters)
            let name: String?
            if case .object = element.node.value, !element.isFileReference {
                name = rule?.name
            } else {
                name = element.reference(to: "callers", among: declared)
            }
            guard let name else { continue }
            if names.contains(name) { element.fail("\"\(name)\" stands twice in this list", "remove one of the two") }
            names.append(name)
            if let rule, !rule.parameters.isEmpty { conditions.append(rule) }
        }
        return (names, conditions)
    }

    private var isFileReference: Bool {
        guard case .object(let members) = node.value else { return false }
        return members.contains { $0.key == FileReferenceKey.file.rawValue }
    }

    /// `{"name": "billing", "parameters": {"phoneNumberId": {"allowPrefix": ["+1206"]}}}`; nil for anything but an object.
    private func routeCaller(_ declared: [String]?, _ template: PathTemplate?, _ parameters: [ParameterRule]) -> RouteCallerRule? {
        guard case .object = node.value, let keys = object(RouteCallerKey.self) else { return nil }
        let name = keys.required(.name, example: "\"\(declared?.first ?? "billing")\"")?.reference(to: "callers", among: declared)
        let remedy = "write {\"phoneNumberId\": {\"allowPrefix\": [\"+1206\"]}}, or the caller's name alone"
        let conditions = keys[.parameters]?.namedFields(remedy)?.compactMap { parameter, field -> ParameterRule? in
            // A name that is wrong in "parameters" too is told once.
            if !parameters.contains(where: { $0.name == parameter }) { field.checkIsParameter(parameter, of: template) }
            guard let inner = field.object(RouteCallerParameterKey.self) else { return nil }
            let format = parameters.first { $0.name == parameter }?.format ?? .any
            return ParameterRule(
                name: parameter, format: format, deny: inner[.deny]?.deniedValues(format, by: "this caller may not name") ?? [],
                allowPrefix: inner[.allowPrefix]?.prefixes(format) ?? [])
        }
        return name.map { RouteCallerRule(name: $0, parameters: conditions ?? []) }
    }

    private func checkIsParameter(_ name: String, of template: PathTemplate?) {
        guard let names = template?.parameterNames, !names.contains(name) else { return }
        let remedy =
            Suggestion.nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
            ?? (names.isEmpty ? "remove it" : "write \(Shown.choices(names)), or put {\(name)} in the path")
        fail("the path has no parameter {\(name)}", remedy)
    }

    private func deniedValues(_ format: ParameterFormat, by whom: String) -> [String]? {
        elements("write the values that \(whom), or leave the key out")?.compactMap { $0.deniedValue(format) }
    }

    private func prefixes(_ format: ParameterFormat) -> [String]? {
        elements("write what values must begin with, for example [\"+1206\"], or leave the key out")?.compactMap { element in
            element.parsed(isHidden: true) { text throws(ValueProblem) in
                guard format == .e164 else { return text }
                guard Self.isE164(text, digits: 1...15) else {
                    throw ValueProblem("is not the beginning of an E.164 number", "write '+' and digits alone, for example \"+1206\"")
                }
                return text
            }
        }
    }

    /// A plus and so many digits, the first not 0 (ITU-T E.164): a whole number, or its beginning.
    private static func isE164(_ text: String, digits lengths: ClosedRange<Int>) -> Bool {
        let digits = text.utf8.dropFirst()
        return text.hasPrefix("+") && lengths.contains(digits.count) && digits.first != 0x30
            && digits.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Not shown: phone numbers stay out of messages.
    private func deniedValue(_ format: ParameterFormat) -> String? {
        parsed(isHidden: true) { text throws(ValueProblem) in
            switch format {
            case .e164:
                guard Self.isE164(text, digits: 2...15) else {
                    throw ValueProblem(
                        "is not an E.164 number", "write '+', the country code and digits alone, for example \"+12065550100\"")
                }
            case .any:
                guard !text.utf8.allSatisfy({ $0 == 0x20 }) else { throw ValueProblem("is blank", "write the value that may not be named") }
            }
            return text
        }
    }
}

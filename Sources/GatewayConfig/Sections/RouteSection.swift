import GatewayCore

/// What routes may refer to; nil where that section could not be read, so that nothing can be said about references to it.
struct DeclaredNames {
    var upstreams: [String]?
    var limits: [String]?
    var callers: [String]?
}

extension Field {
    func route(_ declared: DeclaredNames) -> RouteRule? {
        guard let keys = object(RouteKey.self) else { return nil }
        let operation = keys.required(.operation, example: "\"DeletePhoneNumber\"")?.operationName()
        let method = keys.required(.method, example: "\"DELETE\"")?.method()
        let path = keys.required(.path, example: "\"/phone-numbers/{phoneNumberId}\"")
        let template = path?.parsed { text throws(ValueProblem) in (text, try PathTemplate(text)) }
        let upstream = keys.required(.upstream, example: "\"\(declared.upstreams?.first ?? "chime")\"")?
            .reference(to: "upstreams", among: declared.upstreams)
        let parameters = keys[.parameters]?.parameters(of: template?.1)
        let callers = keys[.callers]?.routeCallers(declared.callers)
        let limits = keys[.limits]?.references("limits", among: declared.limits, remedy: "name a limit, or leave the key out")
        let style = keys[.throttleStyle]?.choice(ThrottleStyle.self)
        let query = keys[.query]?.boolean()
        let body = keys[.body]?.boolean()
        guard let operation, let method, let template, let upstream else { return nil }
        // Every parameter of the template has a rule, in the template's order.
        let rules = template.1.parameterNames.map { name in parameters?.first { $0.name == name } ?? ParameterRule(name: name) }
        return RouteRule(
            operation: operation, method: method, template: template.0, segments: template.1.segments, upstream: upstream,
            parameters: rules, callers: callers ?? nil, limits: limits ?? [], throttleStyle: style ?? .modeled,
            allowsBody: body ?? ["POST", "PUT", "PATCH"].contains(method), allowsQuery: query ?? false)
    }

    private func operationName() -> String? {
        parsed { text throws(ValueProblem) in
            guard text.utf8.count <= 128, text.utf8.allSatisfy({ NameRule.isNameByte($0) }) else {
                throw ValueProblem("is not an operation's name", "write it as the service does, for example \"DeletePhoneNumber\"")
            }
            return text
        }
    }

    private func method() -> String? {
        parsed { text throws(ValueProblem) in
            guard text.utf8.count <= 32, text.utf8.allSatisfy(ASCII.isToken) else {
                throw ValueProblem("is not an HTTP method", "write for example \"DELETE\"")
            }
            guard text == text.uppercased() else { throw ValueProblem("is not in capitals", "write \"\(text.uppercased())\"") }
            guard text != "CONNECT", text != "TRACE" else { throw ValueProblem("cannot be forwarded", "write the method of the operation") }
            return text
        }
    }

    private func parameters(of template: PathTemplate?) -> [ParameterRule]? {
        namedFields("write {\"phoneNumberId\": {\"format\": \"e164\"}}, or leave the key out")?.compactMap { name, field in
            if let names = template?.parameterNames, !names.contains(name) {
                let remedy =
                    Suggestion.nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
                    ?? (names.isEmpty ? "remove it" : "write \(Shown.choices(names)), or put {\(name)} in the path")
                field.fail("the path has no parameter {\(name)}", remedy)
            }
            return field.parameter(named: name)
        }
    }

    private func parameter(named name: String) -> ParameterRule? {
        guard let keys = object(ParameterKey.self) else { return nil }
        let format = keys[.format]?.choice(ParameterFormat.self) ?? .any
        let deny = keys[.deny]?.elements("write the values that nobody may name, or leave the key out")?.compactMap {
            $0.deniedValue(format)
        }
        return ParameterRule(name: name, format: format, deny: deny ?? [])
    }

    /// Not shown: phone numbers stay out of messages.
    private func deniedValue(_ format: ParameterFormat) -> String? {
        parsed(isHidden: true) { text throws(ValueProblem) in
            switch format {
            case .e164:
                let digits = text.utf8.dropFirst()
                guard text.hasPrefix("+"), (2...15).contains(digits.count), digits.first != 0x30,
                    digits.allSatisfy({ (0x30...0x39).contains($0) })
                else {
                    throw ValueProblem(
                        "is not an E.164 number", "write '+', the country code and digits alone, for example \"+12065550100\"")
                }
            case .any:
                guard !text.utf8.allSatisfy({ $0 == 0x20 }) else { throw ValueProblem("is blank", "write the value that nobody may name") }
            }
            return text
        }
    }

    /// The callers of a route: `.some(nil)` for `["*"]`.
    private func routeCallers(_ declared: [String]?) -> [String]?? {
        let remedy = "write [\"*\"] for every known caller, or name those who may call"
        if case .array(let nodes) = node.value, nodes.contains(where: { $0.value == .string("*") }) {
            if nodes.count > 1 { fail("\"*\" stands beside names, which it makes meaningless", remedy) }
            return .some(nil)
        }
        return references("callers", among: declared, remedy: remedy)
    }

    private func references(_ section: String, among names: [String]?, remedy: String) -> [String]? {
        var seen: Set<String> = []
        return elements(remedy)?.compactMap { element in
            guard let name = element.reference(to: section, among: names) else { return nil }
            if !seen.insert(name).inserted { element.fail("\"\(name)\" stands twice in this list", "remove one of the two") }
            return name
        }
    }
}

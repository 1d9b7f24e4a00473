import GatewayCore

/// What routes may refer to; nil where that section could not be read, so that nothing can be said about references to it.
struct DeclaredNames {
    var upstreams: [String]?
    var limits: [String]?
    var callers: [String]?
}

extension Field {
    /// - Parameter mode: of the routes that say nothing about it.
    func route(_ declared: DeclaredNames, mode: PolicyMode) -> RouteRule? {
        guard let keys = object(RouteKey.self) else { return nil }
        let operation = keys.required(.operation, example: "\"DeletePhoneNumber\"")?.operationName()
        let method = keys.required(.method, example: "\"DELETE\"")?.method()
        let path = keys.required(.path, example: "\"/phone-numbers/{phoneNumberId}\"")
        let template = path?.parsed { text throws(ValueProblem) in (text, try PathTemplate(text)) }
        let upstream = keys.required(.upstream, example: "\"\(declared.upstreams?.first ?? "chime")\"")?
            .reference(to: "upstreams", among: declared.upstreams)
        let parameters = keys[.parameters]?.parameters(of: template?.1)
        let callers = keys[.callers]?.routeCallers(declared.callers, template: template?.1, parameters: parameters ?? [])
        let mode = keys[.mode]?.choice(PolicyMode.self) ?? mode
        let limits = keys[.limits]?.references("limits", among: declared.limits, remedy: "name a limit, or leave the key out")
        let style = keys[.throttleStyle]?.choice(ThrottleStyle.self)
        let query = keys[.query]?.boolean()
        let body = keys[.body]?.boolean()
        guard let operation, let method, let template, let upstream else { return nil }
        // Every parameter of the template has a rule, in the template's order.
        let rules = template.1.parameterNames.map { name in parameters?.first { $0.name == name } ?? ParameterRule(name: name) }
        return RouteRule(
            operation: operation, method: method, template: template.0, segments: template.1.segments, upstream: upstream,
            parameters: rules, callers: callers?.names, callerConditions: callers?.conditions ?? [], mode: mode, limits: limits ?? [],
            throttleStyle: style ?? .modeled,
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

    private func references(_ section: String, among names: [String]?, remedy: String) -> [String]? {
        var seen: Set<String> = []
        return elements(remedy)?.compactMap { element in
            guard let name = element.reference(to: section, among: names) else { return nil }
            if !seen.insert(name).inserted { element.fail("\"\(name)\" stands twice in this list", "remove one of the two") }
            return name
        }
    }
}

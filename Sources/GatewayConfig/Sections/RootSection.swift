import GatewayCore

extension Field {
    /// The whole configuration. nil, or anything but nil beside reported mistakes, is not to be used.
    func settings() -> Settings? {
        guard let keys = object(RootKey.self) else { return nil }
        _ = keys[.schema]?.text()
        let listeners = keys.required(.listeners, example: "[{\"bind\": \"127.0.0.1:8080\"}]")?
            .elements("write for example [{\"bind\": \"127.0.0.1:8080\"}]")
        let credentials = keys.required(.credentials, example: "{\"chime\": {\"type\": \"static\", ...}}")?
            .namedFields("write for example {\"chime\": {\"type\": \"static\", ...}}")
        let upstreams = keys.required(.upstreams, example: "{\"chime\": {\"url\": \"https://service.chime.aws.amazon.com\", ...}}")?
            .namedFields("write for example {\"chime\": {\"url\": \"https://service.chime.aws.amazon.com\", ...}}")
        let limits = keys[.limits]?.namedFields("write for example {\"account\": {\"rate\": \"10/s\"}}, or leave the key out")
        let routes = keys.required(.routes, example: "[{\"operation\": \"DeletePhoneNumber\", ...}]")?
            .elements("write at least one route")
        let declared = DeclaredNames(
            upstreams: upstreams?.map(\.name), limits: keys[.limits] == nil ? [] : limits?.map(\.name),
            callers: keys[.callers].map { $0.callerNames() } ?? ["local"])
        let mode = keys[.mode]?.choice(PolicyMode.self) ?? .enforce

        var settings = Settings(
            listeners: listeners?.compactMap { $0.listener() } ?? [],
            admin: keys[.admin]?.admin(),
            credentials: Dictionary(
                (credentials ?? []).compactMap { name, field in
                    field.credential(named: name, among: credentials?.map(\.name)).map { (name, $0) }
                }, uniquingKeysWith: { $1 }
            ),
            upstreams: upstreams?.compactMap { $1.upstream(named: $0, credentialNames: credentials?.map(\.name)) } ?? [],
            callers: keys[.callers]?.callers(),
            limits: limits?.compactMap { $1.limit(named: $0) } ?? [],
            routes: routes?.compactMap { $0.route(declared, mode: mode) } ?? [],
            audit: keys[.audit]?.audit(),
            drain: keys[.drain]?.drain() ?? DrainSettings(),
            limitStore: keys[.limitStore]?.limitStore())

        settings.watchesFiles = keys[.watch]?.boolean() ?? true
        checkRoleSources(settings, credentials)
        checkDistinctAddresses(settings, listeners, keys[.admin])
        if let admin = settings.admin, admin.tokenDigest != nil, settings.freezePath == nil, keys[.audit] == nil {
            keys[.admin]?.fail(
                "a freeze would not survive a restart: there is neither \"stateFile\" nor an audit file beside which it could be kept",
                "add \"stateFile\": \"/var/lib/countersign/freeze\", or \"audit\"")
        }
        checkDistinctRoutes(settings, routes)
        return settings
    }

    /// A role whose source leads back to it can never be taken on.
    private func checkRoleSources(_ settings: Settings, _ fields: [(name: String, field: Field)]?) {
        for (name, field) in fields ?? [] {
            var visited = [name]
            while let last = visited.last, case .assumeRole(let role)? = settings.credentials[last]?.source {
                if role.source == name {
                    field.fail(
                        "the sources of this role go in a circle: \((visited + [name]).joined(separator: " -> "))",
                        "name credentials of another type as \"source\"")
                }
                // Another circle is told where it stands.
                if visited.contains(role.source) { break }
                visited.append(role.source)
            }
        }
    }

    /// Two sockets cannot share an address. Only whole lists are compared, so that indices agree.
    private func checkDistinctAddresses(_ settings: Settings, _ fields: [Field]?, _ admin: Field?) {
        guard let fields, settings.listeners.count == fields.count else { return }
        var places: [BindAddress: String] = [:]
        var bound = Array(zip(settings.listeners.map(\.bind), fields))
        if let bind = settings.admin?.bind, let admin { bound.append((bind, admin)) }
        for (bind, field) in bound {
            if case .tcp(_, _, port: 0) = bind { continue }
            if let other = places[bind] { field.fail("\(other) listens on \(bind) too", "give each its own address") }
            places[bind] = field.path
        }
    }

    /// Two routes that match the same requests: the second would never be reached.
    private func checkDistinctRoutes(_ settings: Settings, _ fields: [Field]?) {
        guard let fields, settings.routes.count == fields.count else { return }
        var places: [String: String] = [:]
        for (route, field) in zip(settings.routes, fields) {
            let shape = route.method + " " + PathTemplate.shape(route.segments)
            if let other = places[shape] {
                field.fail("\(other) already takes \(route.method) \(route.template)", "remove one of the two")
            }
            places[shape] = places[shape] ?? field.path
        }
    }
}

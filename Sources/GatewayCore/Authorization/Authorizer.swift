/// A request that its caller may make. Made by `Authorizer` alone.
public struct AuthorizedRequest: Sendable {
    public let matched: MatchedRequest

    fileprivate init(_ matched: MatchedRequest) { self.matched = matched }
}

/// May this caller use this route on this subject? Compiled from the routes' `callers` and the parameters' `deny`.
public struct Authorizer: Sendable {
    /// For each route, for each caller. A route without `callers` is open to every known caller.
    private let allowed: [[Bool]]

    public init(routes: RouteTable, callers: CallerTable) {
        allowed = routes.routes.map { route in
            guard let names = route.rule.callers, !names.contains("*") else { return callers.names.map { _ in true } }
            return callers.names.map { names.contains($0) }
        }
    }

    public func authorize(_ matched: MatchedRequest, in routes: RouteTable) -> Decision<AuthorizedRequest> {
        guard allowed[matched.route][matched.identified.caller] else { return .refused(Self.forbiddenRoute) }
        let route = routes.routes[matched.route]
        for position in matched.parameters.indices where route.denies(matched.parameters[position], at: position) {
            return .refused(Self.protected)
        }
        return .granted(AuthorizedRequest(matched))
    }

    private static let forbiddenRoute = Refusal(
        .forbidden, "caller/not-allowed", "This caller may not use this operation: an operator can add it to the route's callers.")
    private static let protected = Refusal(
        .forbidden, "id/protected", "This id is protected by the gateway's configuration and cannot be named here.")
}

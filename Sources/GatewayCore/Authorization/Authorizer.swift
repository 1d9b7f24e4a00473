/// A request that its caller may make. Made by `Authorizer` alone.
public struct AuthorizedRequest: Sendable {
    public let matched: MatchedRequest

    fileprivate init(_ matched: MatchedRequest) { self.matched = matched }
}

/// What the policy says of a request.
public enum Authorization: Sendable {
    case granted(AuthorizedRequest)
    case refused(Refusal)
    /// It would be refused, but the route's policy is only reported so far.
    case reported(AuthorizedRequest, Refusal)
}

/// May this caller use this route on this subject? Compiled from the routes' `callers`, the parameters' `allowPrefix` and `deny`, and the
/// mode in which the policy is.
public struct Authorizer: Sendable {
    /// A class, so that a request that looks at it counts one reference instead of four.
    private final class RoutePolicy: Sendable {
        /// For each caller. A route without `callers` is open to every known caller.
        let allowed: [Bool]
        /// For each parameter, `deny` of the route: in force in every mode.
        let protected: [IDCondition]
        /// For each parameter, `allowPrefix` of the route; empty where no parameter has any.
        let permitted: [IDCondition]
        /// By caller, for each parameter; nil where the route has none for that caller.
        let ofCaller: [[IDCondition]?]
        let isReported: Bool

        init(_ route: RouteTable.Route, callers: [String]) {
            let names = route.rule.callers.flatMap { $0.contains("*") ? nil : $0 }
            allowed = callers.map { names?.contains($0) ?? true }
            protected = route.parameters.map { IDCondition(allowPrefix: [], deny: $0.deny) }
            let permitted = route.parameters.map { IDCondition(allowPrefix: $0.allowPrefix, deny: []) }
            self.permitted = permitted.allSatisfy(\.isEmpty) ? [] : permitted
            ofCaller = callers.map { name in
                guard let rule = route.rule.callerConditions.first(where: { $0.name == name }) else { return nil }
                return route.parameters.map { parameter in
                    let condition = rule.parameters.first { $0.name == parameter.name }
                    return IDCondition(allowPrefix: condition?.allowPrefix ?? [], deny: condition?.deny ?? [])
                }
            }
            isReported = route.rule.mode == .report
        }
    }

    private let policies: [RoutePolicy]

    /// The reasons that a reported policy can have.
    public static let reportedReasons = [forbiddenRoute.reason, CallerTable.unknown.reason, forbiddenID.reason]

    public init(routes: RouteTable, callers: CallerTable) {
        policies = routes.routes.map { RoutePolicy($0, callers: callers.names) }
    }

    /// First whether the caller may use the operation, so that nobody else learns which numbers are protected.
    public func authorize(_ matched: MatchedRequest) -> Authorization {
        let policy = policies[matched.route]
        let refusal = refusal(of: matched, by: policy)
        if let refusal, !policy.isReported { return .refused(refusal) }
        for position in matched.parameters.indices where policy.protected[position].denies(matched.parameters[position]) {
            return .refused(Self.protected)
        }
        let authorized = AuthorizedRequest(matched)
        return refusal.map { .reported(authorized, $0) } ?? .granted(authorized)
    }

    /// What can be reported instead of enforced.
    private func refusal(of matched: MatchedRequest, by policy: RoutePolicy) -> Refusal? {
        let caller = matched.identified.caller
        guard matched.identified.proof != nil else { return CallerTable.unknown }
        guard policy.allowed[caller] else { return Self.forbiddenRoute }
        if !policy.permitted.isEmpty, !permits(matched, policy.permitted) { return Self.forbiddenID }
        if let conditions = policy.ofCaller[caller], !permits(matched, conditions) { return Self.forbiddenID }
        return nil
    }

    private func permits(_ matched: MatchedRequest, _ conditions: [IDCondition]) -> Bool {
        matched.parameters.indices.allSatisfy { conditions[$0].permits(matched.parameters[$0]) }
    }

    private static let forbiddenRoute = Refusal(
        .forbidden, "caller/not-allowed", "This caller may not use this operation: an operator can add it to the route's callers.")
    private static let forbiddenID = Refusal(
        .forbidden, "id/not-permitted", "This id is not among those that this caller may name here: an operator can permit it.")
    private static let protected = Refusal(
        .forbidden, "id/protected", "This id is protected by the gateway's configuration and cannot be named here.")
}

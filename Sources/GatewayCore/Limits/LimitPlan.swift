/// The limits of a configuration, laid out so that a request finds its keys by arithmetic.
///
/// Callers, routes and upstreams are all named in the configuration, so every key that can ever exist is known at start: a slot each
/// for the upstreams, routes, callers and caller-route pairs that a limit counts by. Nothing is hashed, nothing is inserted or
/// forgotten while requests run, and memory is bounded by construction: 32 bytes or so a slot.
public struct LimitPlan: Sendable {
    public let rules: [LimitRule]
    public let upstreamNames: [String]
    public let callerNames: [String]
    /// `METHOD /template` of each route; stable over a reload, unlike its position.
    public let routeNames: [String]
    /// What `RateLimit-Policy` says on each route: every limit of it, in order. Empty where it has none.
    public let policies: [[UInt8]]

    /// The checks of all routes, one after the other.
    let checks: [LimitCheck]
    let firstAttempts: [Range<Int>]
    /// Those `per: upstream`, which every further attempt takes from as well.
    let retries: [Range<Int>]
    /// What each slot counts.
    let keys: [LimitKey]
    /// Which limit and upstream each adaptive pace belongs to.
    let paceKeys: [PaceKey]
    /// Positions in `paceKeys` of all that adapts to the upstream of each route.
    let pacesOfRoute: [[Int]]
    let gcras: [GCRA]

    /// - Parameters:
    ///   - rules: the limits; `LimitReading.limit` is a position in here.
    ///   - routes: `AdmissionRequest.route` is a position in here.
    ///   - upstreams: names; the upstream of a report is a position in here.
    ///   - callers: names; `AdmissionRequest.caller` is a position in here.
    /// - Throws: where a route names a limit or an upstream that is not there.
    public init(rules: [LimitRule], routes: [RouteRule], upstreams: [String], callers: [String]) throws(LimitPlanError) {
        var layout = Layout(rules: rules, upstreams: upstreams, callers: callers)
        for (index, route) in routes.enumerated() { try layout.add(route, at: index) }
        self.rules = rules
        upstreamNames = upstreams
        callerNames = callers
        routeNames = routes.map { "\($0.method) \($0.template)" }
        policies = layout.routeLimits.map { limits in
            limits.map { policyItem(rules[$0]) }.reduce(into: []) { value, item in
                if !value.isEmpty { value += [0x2C, 0x20] }
                value += item
            }
        }
        checks = layout.checks
        firstAttempts = layout.firstAttempts
        retries = layout.retries
        keys = layout.keys
        paceKeys = layout.paceKeys
        pacesOfRoute = layout.upstreamOfRoute.map { upstream in layout.paceKeys.indices.filter { layout.paceKeys[$0].upstream == upstream }
        }
        gcras = layout.gcras
    }

    func range(_ request: AdmissionRequest) -> Range<Int> {
        request.attempt == .first ? firstAttempts[request.route] : retries[request.route]
    }
}

public enum LimitPlanError: Error, Equatable {
    case unknownLimit(name: String, route: String)
    case unknownUpstream(name: String, route: String)
}

/// One limit of one route: its numbers, and where its keys lie.
struct LimitCheck: Sendable {
    var gcra: GCRA
    var maxWait: UInt64
    var limit: Int
    /// The slot of caller 0.
    var firstSlot: Int
    /// 1 where each caller has a slot, else 0.
    var callerStride: Int
    /// Position among the adaptive paces; -1 for a limit that does not adapt.
    var pace: Int

    func slot(caller: Int) -> Int { firstSlot &+ caller &* callerStride }
}

/// What one slot counts: the limit and the names that it is shared by. Equal before and after a reload for the same key.
struct LimitKey: Sendable, Hashable {
    var limit: String
    var scope: LimitScope
    var upstream: String?
    var route: String?
    var caller: String?
    /// Position of the limit in the plan.
    var position: Int

    static func == (left: LimitKey, right: LimitKey) -> Bool {
        left.limit == right.limit && left.scope == right.scope && left.upstream == right.upstream && left.route == right.route
            && left.caller == right.caller
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(limit)
        hasher.combine(upstream)
        hasher.combine(route)
        hasher.combine(caller)
    }
}

/// An adaptive limit adapts to each upstream by itself.
struct PaceKey: Sendable, Hashable {
    var limit: Int
    var upstream: Int
}

/// Hands out slots while the routes are gone through, once, at start.
private struct Layout {
    let rules: [LimitRule]
    let upstreams: [String]
    let callers: [String]
    let positions: [String: Int]
    let gcras: [GCRA]
    var checks: [LimitCheck] = []
    var firstAttempts: [Range<Int>] = []
    var retries: [Range<Int>] = []
    var routeLimits: [[Int]] = []
    var upstreamOfRoute: [Int] = []
    var keys: [LimitKey] = []
    var paceKeys: [PaceKey] = []
    var slots: [LimitKey: Int] = [:]
    var paces: [PaceKey: Int] = [:]

    init(rules: [LimitRule], upstreams: [String], callers: [String]) {
        self.rules = rules
        self.upstreams = upstreams
        self.callers = callers
        positions = Dictionary(rules.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        gcras = rules.map { GCRA(rate: $0.rate, burst: $0.burst) }
    }

    mutating func add(_ route: RouteRule, at index: Int) throws(LimitPlanError) {
        let name = "\(route.method) \(route.template)"
        guard let upstream = upstreams.firstIndex(of: route.upstream) else {
            throw .unknownUpstream(name: route.upstream, route: name)
        }
        var limits: [Int] = []
        for limit in route.limits {
            guard let position = positions[limit] else { throw .unknownLimit(name: limit, route: name) }
            // A limit named twice still counts a request once.
            if !limits.contains(position) { limits.append(position) }
        }
        routeLimits.append(limits)
        upstreamOfRoute.append(upstream)
        let found = limits.map { check($0, route: name, upstream: upstream) }
        firstAttempts.append(checks.count..<checks.count + found.count)
        checks += found
        let again = found.filter { rules[$0.limit].scope == .upstream }
        retries.append(checks.count..<checks.count + again.count)
        checks += again
    }

    private mutating func check(_ limit: Int, route: String, upstream: Int) -> LimitCheck {
        let rule = rules[limit]
        var key = LimitKey(limit: rule.name, scope: rule.scope, position: limit)
        switch rule.scope {
        case .upstream: key.upstream = upstreams[upstream]
        case .route, .callerAndRoute: key.route = route
        case .caller: break
        }
        let perCaller = rule.scope == .caller || rule.scope == .callerAndRoute
        return LimitCheck(
            gcra: gcras[limit], maxWait: rule.maxWaitNanoseconds, limit: limit,
            firstSlot: perCaller ? slots(key, forEach: callers) : slot(key),
            callerStride: perCaller ? 1 : 0,
            pace: rule.isAdaptive ? pace(PaceKey(limit: limit, upstream: upstream)) : -1)
    }

    private mutating func slot(_ key: LimitKey) -> Int {
        if let known = slots[key] { return known }
        slots[key] = keys.count
        keys.append(key)
        return keys.count - 1
    }

    private mutating func slots(_ key: LimitKey, forEach callers: [String]) -> Int {
        if let known = slots[key] { return known }
        slots[key] = keys.count
        for caller in callers {
            var own = key
            own.caller = caller
            keys.append(own)
        }
        return keys.count - callers.count
    }

    private mutating func pace(_ key: PaceKey) -> Int {
        if let known = paces[key] { return known }
        paces[key] = paceKeys.count
        paceKeys.append(key)
        return paceKeys.count - 1
    }
}

@testable import GatewayCore

let oneSecond: UInt64 = 1_000_000_000
let oneDay: UInt64 = 86_400 * oneSecond

/// A table with one route per list of limits, all to the upstream `chime`.
func limitTable(_ rules: [LimitRule], routes: [[String]]? = nil, callers: [String] = ["a", "b", "c"]) throws -> LimitTable {
    LimitTable(plan: try limitPlan(rules, routes: routes, callers: callers))
}

func limitPlan(_ rules: [LimitRule], routes: [[String]]? = nil, callers: [String] = ["a", "b", "c"]) throws -> LimitPlan {
    let lists = routes ?? [rules.map(\.name)]
    return try LimitPlan(
        rules: rules,
        routes: lists.enumerated().map { index, limits in
            RouteRule(
                operation: "Op\(index)", method: "DELETE", template: "/r\(index)/{id}", segments: [], upstream: "chime", limits: limits)
        },
        upstreams: ["other", "chime"], callers: callers)
}

func limitRule(
    _ name: String, _ count: UInt64, per period: UInt64 = oneSecond, burst: UInt64, _ scope: LimitScope = .upstream, maxWait: UInt64 = 0,
    adaptive: Bool = false
) -> LimitRule {
    LimitRule(
        name: name, rate: Rate(count: count, periodNanoseconds: period), burst: burst, scope: scope, maxWaitNanoseconds: maxWait,
        isAdaptive: adaptive)
}

func admission(route: Int = 0, caller: Int = 0, at now: UInt64, attempt: AdmissionRequest.Attempt = .first) -> AdmissionRequest {
    AdmissionRequest(route: route, caller: caller, arrival: now, attempt: attempt)
}

extension LimitVerdict {
    var isAdmitted: Bool { if case .admitted = self { true } else { false } }
    var refusal: LimitRefusal? {
        switch self {
        case .admitted: nil
        case .refused(let refusal), .mustWait(_, _, let refusal): refusal
        }
    }
}

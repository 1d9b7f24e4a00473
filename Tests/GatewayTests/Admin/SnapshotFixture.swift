@testable import Gateway
@testable import GatewayCore

extension AdminSnapshot {
    /// One of everything; `odd` stands wherever a word comes from outside.
    static func sample(odd: String = "plain", ready: Bool = true) -> AdminSnapshot {
        var counters = Counters()
        counters.count(origin: .upstream, status: 204)
        counters.count(origin: .gateway, status: 429, reason: "limit/account")
        counters.count(origin: .gateway, status: 400, reason: odd)
        counters.upstreamThrottles = 3
        let limit = LimitStatus(
            limit: "account", scope: .upstream, upstream: odd, route: nil, caller: nil, configuredRate: 10, rateInForce: 2.5,
            reason: .upstreamThrottled, sinceThrottle: 1_500_000_000, cuts: 1, burst: 20, remaining: 7, waiting: 2)
        return AdminSnapshot(
            version: "0.0.0", startedMilliseconds: 1_440_938_160_000, nowMilliseconds: 1_440_938_165_000,
            reasonsNotReady: ready ? [] : ["audit: \(odd)"], loops: 2, reloads: 1,
            configuration: ReloadStatus(
                digest: "9f86d081884c7d65", takenMilliseconds: 1_440_938_161_000, failures: 2, lastFailure: ready ? nil : odd),
            listeners: ["127.0.0.1:8080", odd], counters: counters, connections: 4, exchanges: 1,
            pools: [PoolSnapshot(upstream: odd, url: "https://example.com", open: 3, idle: 1, waiting: 0)],
            limits: [limit],
            audit: AuditSnapshot(status: ready ? .writable : .unwritable(reason: odd), counters: AuditCounters(), backlogBytes: 9))
    }
}

import GatewayCore

/// What one event loop has counted since it started; added up over all loops when metrics are read.
struct Counters: Sendable {
    /// By status class 1xx to 5xx, for answers of the upstream and of the gateway.
    private(set) var upstreamAnswers = [UInt64](repeating: 0, count: 6)
    private(set) var gatewayAnswers = [UInt64](repeating: 0, count: 6)
    private(set) var refusals: [String: UInt64] = [:]
    /// What policies that are only reported would have refused, by reason.
    var reported: [String: UInt64] = [:]
    var upstreamThrottles: UInt64 = 0

    mutating func count(origin: AnswerOrigin, status: Int, reason: String? = nil) {
        let index = min(max(status / 100, 0), 5)
        switch origin {
        case .upstream: upstreamAnswers[index] += 1
        case .gateway: gatewayAnswers[index] += 1
        }
        if let reason, origin == .gateway { refusals[reason, default: 0] += 1 }
    }

    mutating func add(_ other: Counters) {
        for index in 0..<6 {
            upstreamAnswers[index] += other.upstreamAnswers[index]
            gatewayAnswers[index] += other.gatewayAnswers[index]
        }
        refusals.merge(other.refusals, uniquingKeysWith: +)
        reported.merge(other.reported, uniquingKeysWith: +)
        upstreamThrottles += other.upstreamThrottles
    }

    var total: UInt64 { upstreamAnswers.reduce(0, +) + gatewayAnswers.reduce(0, +) }
}

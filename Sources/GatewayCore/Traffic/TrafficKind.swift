/// What became of a request, as far as the charts of the last hour tell answers apart.
public enum TrafficKind: Int, Sendable, CaseIterable {
    /// The upstream answered with a status below 400.
    case served
    /// The upstream answered with a status of 400 or more that is no throttle.
    case upstreamError
    /// The upstream throttled, and the caller was told (`countersign-origin: upstream`, 429).
    case upstreamThrottle
    /// A limit of the gateway refused.
    case limited
    /// The gateway refused for another reason that lies with the request or its caller (4xx).
    case refused
    /// The gateway could not serve (5xx).
    case failed

    public init(origin: AnswerOrigin, status: Int) {
        switch origin {
        case .upstream: self = status < 400 ? .served : status == 429 ? .upstreamThrottle : .upstreamError
        case .gateway: self = status == 429 ? .limited : status < 500 ? .refused : .failed
        }
    }

    /// As in `/history`.
    public var name: String {
        switch self {
        case .served: "served"
        case .upstreamError: "upstreamError"
        case .upstreamThrottle: "upstreamThrottle"
        case .limited: "limited"
        case .refused: "refused"
        case .failed: "failed"
        }
    }
}

/// How many requests of one caller ended in which way.
public struct TrafficCounts: Sendable, Equatable {
    private var values: [UInt64]

    public init() { values = Array(repeating: 0, count: TrafficKind.allCases.count) }

    public subscript(kind: TrafficKind) -> UInt64 {
        get { values[kind.rawValue] }
        set { values[kind.rawValue] = newValue }
    }

    public var isZero: Bool { values.allSatisfy { $0 == 0 } }

    mutating func add(_ other: TrafficCounts) {
        for kind in TrafficKind.allCases { self[kind] &+= other[kind] }
    }
}

/// What a peer can send at little cost to itself and some to us (RFC 9113 section 10.5, CVE-2019-9511 to 9518, CVE-2023-44487,
/// CVE-2024-27316, CVE-2025-8671).
public enum HTTP2AbuseEvent: Int, Sendable, CaseIterable {
    /// PING, acknowledgements too.
    case ping
    /// SETTINGS, acknowledgements too, and GOAWAY.
    case settings
    /// DATA without content that does not end its stream, padded or not.
    case emptyData
    case windowUpdate
    /// PRIORITY and PRIORITY_UPDATE.
    case priority
    /// RST_STREAM from the peer: rapid reset.
    case reset
    /// A mistake or an excess of streams that made us send RST_STREAM: the same attack from the other side.
    case streamError
    case continuation
    /// Frames of types that RFC 9113 does not define; they must be ignored (section 5.5), but not for ever.
    case unknownFrame
    /// Frames for streams that we have reset; a peer may not know of it yet (section 5.1).
    case ignoredFrame
}

/// How many events are let through at once, and how many more each second. A rate of 0 means that only credits make room again.
public struct HTTP2AbuseThreshold: Sendable, Equatable {
    /// At least 1.
    public var burst: UInt64
    public var perSecond: UInt64

    public init(burst: UInt64, perSecond: UInt64) {
        self.burst = burst
        self.perSecond = perSecond
    }
}

/// Thresholds several times above what clients do: browsers open with about ten SETTINGS, WINDOW_UPDATE and PRIORITY frames and cancel
/// a page's streams at once (at most the 100 that may be open); gRPC sends at most one PING for each DATA frame or two.
public struct HTTP2AbuseThresholds: Sendable, Equatable {
    public var ping = HTTP2AbuseThreshold(burst: 200, perSecond: 20)
    public var settings = HTTP2AbuseThreshold(burst: 50, perSecond: 2)
    public var emptyData = HTTP2AbuseThreshold(burst: 100, perSecond: 10)
    public var windowUpdate = HTTP2AbuseThreshold(burst: 500, perSecond: 100)
    public var priority = HTTP2AbuseThreshold(burst: 200, perSecond: 20)
    public var reset = HTTP2AbuseThreshold(burst: 200, perSecond: 33)
    public var streamError = HTTP2AbuseThreshold(burst: 200, perSecond: 33)
    public var continuation = HTTP2AbuseThreshold(burst: 100, perSecond: 20)
    public var unknownFrame = HTTP2AbuseThreshold(burst: 200, perSecond: 20)
    public var ignoredFrame = HTTP2AbuseThreshold(burst: 1000, perSecond: 200)

    public init() {}

    subscript(event: HTTP2AbuseEvent) -> HTTP2AbuseThreshold {
        switch event {
        case .ping: ping
        case .settings: settings
        case .emptyData: emptyData
        case .windowUpdate: windowUpdate
        case .priority: priority
        case .reset: reset
        case .streamError: streamError
        case .continuation: continuation
        case .unknownFrame: unknownFrame
        case .ignoredFrame: ignoredFrame
        }
    }
}

/// Token buckets, one for each kind of event, kept as the time at which the bucket will be full again (the generic cell rate
/// algorithm). Pure: the time is an argument, and nothing happens between calls.
///
/// Useful traffic earns credits: a DATA frame that we send may be answered by four WINDOW_UPDATE frames, a stream that is opened comes
/// with two WINDOW_UPDATE and two PRIORITY frames. So large downloads never meet a limit, and a flood has nothing to earn.
public struct HTTP2AbuseCounters: Sendable {
    private struct Bucket: Sendable {
        /// Nanoseconds; the bucket is full when this is not later than now.
        var fullAt: UInt64 = 0
        let interval: UInt64
        let tolerance: UInt64
    }

    private var buckets: [Bucket]

    public init(_ thresholds: HTTP2AbuseThresholds = HTTP2AbuseThresholds()) {
        buckets = HTTP2AbuseEvent.allCases.map { event in
            let threshold = thresholds[event]
            // No event is let through twice in a nanosecond; a rate of 0 is one event in a century.
            let interval =
                threshold.perSecond == 0 ? 3_155_760_000_000_000_000 / max(threshold.burst, 1) : max(1_000_000_000 / threshold.perSecond, 1)
            let (tolerance, overflows) = interval.multipliedReportingOverflow(by: max(threshold.burst, 1))
            return Bucket(interval: interval, tolerance: overflows ? .max / 4 : min(tolerance, .max / 4))
        }
    }

    /// Takes a token. False when there is none: the connection must be closed with ENHANCE_YOUR_CALM.
    /// - Parameter now: nanoseconds of a monotonic clock.
    public mutating func record(_ event: HTTP2AbuseEvent, now: UInt64) -> Bool {
        let bucket = buckets[event.rawValue]
        let fullAt = max(bucket.fullAt, now) &+ bucket.interval
        guard fullAt &- now <= bucket.tolerance else { return false }
        buckets[event.rawValue].fullAt = fullAt
        return true
    }

    /// Gives tokens back, at most until the bucket is full.
    public mutating func credit(_ event: HTTP2AbuseEvent, _ count: UInt64) {
        let bucket = buckets[event.rawValue]
        buckets[event.rawValue].fullAt = bucket.fullAt &- min(bucket.fullAt, bucket.interval &* count)
    }

    /// The peer opened a stream.
    mutating func streamOpened() {
        credit(.windowUpdate, 2)
        credit(.priority, 2)
    }

    /// We sent a DATA frame with content.
    mutating func dataSent() {
        credit(.windowUpdate, 4)
    }
}

/// What the limiter is asked: may this request go on now?
public struct AdmissionRequest: Sendable, Equatable {
    public enum Attempt: Sendable, Equatable {
        /// Takes from every limit of the route.
        case first
        /// Another attempt at a request that the upstream throttled: takes only from limits `per: upstream`, for the caller has already
        /// paid for the request once.
        case retry
    }

    /// Position in the plan's routes.
    public var route: Int
    /// Position in the plan's callers.
    public var caller: Int
    public var attempt: Attempt
    /// When the request came in (monotonic nanoseconds); `maxWait` counts from here, over all attempts.
    public var arrival: UInt64
    /// For a retry: the upstream asked not to be asked before this instant. 0 where it said nothing.
    public var notBefore: UInt64

    public init(route: Int, caller: Int, arrival: UInt64, attempt: Attempt = .first, notBefore: UInt64 = 0) {
        self.route = route
        self.caller = caller
        self.arrival = arrival
        self.attempt = attempt
        self.notBefore = notBefore
    }
}

/// The numbers of the tightest limit of a route, for the `RateLimit` field: the one with the fewest requests left, and of these the one
/// that is full again last.
public struct LimitReading: Sendable, Equatable {
    /// Position in the plan's limits; nil where the route has none.
    public var limit: Int?
    /// Requests that may follow at once.
    public var remaining: UInt64
    /// Whole seconds, rounded up, until the whole burst is there again.
    public var resetSeconds: UInt64
    /// Position in the plan's routes, whose policies are sent along.
    public var route: Int

    public init(limit: Int?, remaining: UInt64, resetSeconds: UInt64, route: Int = 0) {
        self.limit = limit
        self.remaining = remaining
        self.resetSeconds = resetSeconds
        self.route = route
    }

    public static let unlimited = LimitReading(limit: nil, remaining: .max, resetSeconds: 0)
}

/// Why a request may not go on, and when it could.
public struct LimitRefusal: Sendable, Equatable {
    public enum Cause: Sendable, Equatable {
        /// The limit is used up, and the request may not wait so long.
        case exhausted
        /// Its turn in the queue cannot come within `maxWait`, or the queue has no room.
        case queueFull
        /// It waited for as long as it may.
        case waitExpired
        /// The upstream throttled it, whatever the limits say.
        case upstreamThrottled
        /// The gateway stops before its turn would come. Not the caller's doing: 503, not 429.
        case draining
        /// The shared count does not answer, and the configuration has requests refused then. 503, too.
        case storeUnavailable
    }

    /// Position in the plan's limits: the one that makes it wait longest. Nil where only the upstream said no.
    public var limit: Int?
    /// Nanoseconds until every limit that refused would admit it. At least 1; never shorter than the limits allow.
    public var waitNanoseconds: UInt64
    public var cause: Cause
    /// Position in the plan's routes, whose policies are sent along.
    public var route: Int

    public init(limit: Int?, waitNanoseconds: UInt64, cause: Cause = .exhausted, route: Int = 0) {
        self.limit = limit
        self.waitNanoseconds = waitNanoseconds
        self.cause = cause
        self.route = route
    }

    /// A refusal that lasts until an instant.
    init(limit: Int?, until instant: UInt64, now: UInt64, cause: Cause = .exhausted, route: Int) {
        self.init(limit: limit, waitNanoseconds: instant > now ? instant - now : 1, cause: cause, route: route)
    }

    /// For `Retry-After`: rounded up, at least 1.
    public var retryAfterSeconds: UInt64 { max(wholeUnits(waitNanoseconds, of: 1_000_000_000), 1) }
    /// For `x-amz-retry-after`: rounded up, at least 1.
    public var retryAfterMilliseconds: UInt64 { max(wholeUnits(waitNanoseconds, of: 1_000_000), 1) }
}

/// `value / unit`, rounded up.
func wholeUnits(_ value: UInt64, of unit: UInt64) -> UInt64 {
    value / unit &+ (value % unit == 0 ? 0 : 1)
}

/// What the limits say of a request.
public enum LimitVerdict: Sendable, Equatable {
    /// It has taken one from each of its limits.
    case admitted(LimitReading)
    /// It has taken nothing, and its turn comes too late for it to wait.
    case refused(LimitRefusal)
    /// It has taken nothing, but may wait in the queue of the key `slot`, of the limit at that position; till when at least, the refusal
    /// says.
    case mustWait(slot: Int, limit: Int, LimitRefusal)
}

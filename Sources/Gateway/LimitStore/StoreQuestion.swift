import GatewayCore

/// What the store is asked of one request that the local table has let through.
struct StoreQuestion {
    /// Told the answer.
    let limiter: Limiter
    let shared: SharedLimitPlan
    /// Names the request and whoever waits for the decision.
    let ticket: WaitTicket
    /// Whether this is its turn in the queue, so that it may be taken now for a little later.
    let hasWaited: Bool
}

/// What is expected next on a connection, in the order in which it was asked.
struct StoreExpectation {
    enum Purpose {
        /// The greeting: commands whose success is all that matters.
        case acceptance
        /// The script's digest.
        case digest
        /// The script's answer to no keys at all: the store counts.
        case probe
        case decision(StoreQuestion)
        case giveBack(StoreGiveBack)
    }

    var purpose: Purpose
    /// Monotonic nanoseconds.
    var askedAt: UInt64
    /// Sent with the script's text, because the store had forgotten it.
    var withText = false
}

struct StoreGiveBack {
    let request: AdmissionRequest
    let table: LimitTable
    let shared: SharedLimitPlan
}

import GatewayCore

/// A request that has taken its share of every limit of its route. Made from a limiter's reading alone.
struct AdmittedRequest {
    let authorized: AuthorizedRequest
    /// What the tightest limit says now; for the `RateLimit` field.
    let reading: LimitReading

    init(_ authorized: AuthorizedRequest, admittedBy reading: LimitReading) {
        self.authorized = authorized
        self.reading = reading
    }
}

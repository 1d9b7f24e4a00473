/// How many connections a pool opens for the requests that stand in its line.
///
/// HTTP/1.1 carries one request at a time, so each gets an attempt of its own; HTTP/2 carries many, so one attempt serves as many as a
/// connection will take. Which of the two an upstream speaks is known once its first connection is open.
public struct ConnectionDemand: Sendable, Equatable {
    /// Requests that one more connection will take; 1 for HTTP/1.1. At least 1.
    public private(set) var requestsEach: Int
    /// The first attempt goes alone, and shows what is spoken here.
    private var isProbing: Bool

    /// - Parameters:
    ///   - expectedRequests: what one connection is taken to carry before the first is open.
    ///   - isUnknown: whether the upstream has yet to choose the protocol.
    public init(expectedRequests: Int, isUnknown: Bool) {
        requestsEach = max(1, expectedRequests)
        isProbing = isUnknown
    }

    /// How many attempts are to be begun now.
    ///
    /// - Parameters:
    ///   - open: connections that are there, whatever their state.
    ///   - capacity: connections that there may be, attempts counted in.
    public func attempts(inLine: Int, connecting: Int, open: Int, capacity: Int) -> Int {
        let wanted = (max(0, inLine) + requestsEach - 1) / requestsEach
        let allowed = min(wanted, isProbing ? 1 : Int.max)
        return max(0, min(allowed - connecting, capacity - open - connecting))
    }

    /// A connection is open and takes `requests` at once.
    public mutating func opened(requests: Int) {
        requestsEach = max(1, requests)
        isProbing = false
    }

    /// An attempt has failed. How many in line are told: those for whom it was made.
    public mutating func failed() -> Int {
        isProbing = false
        return requestsEach
    }
}

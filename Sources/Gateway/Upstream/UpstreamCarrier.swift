/// What carries an exchange to the upstream and back: a leased HTTP/1.1 connection, or a leased stream of an HTTP/2 connection. The
/// exchange does not know which of the two it is.
protocol UpstreamCarrier: AnyObject {
    /// Reads on after the caller has taken what was relayed.
    func resumeReading()
}

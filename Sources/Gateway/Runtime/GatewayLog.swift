import Logging

/// What the gateway says while it runs. No request is logged (records are for that), and nothing here holds a secret or a phone number.
///
/// Troubles come in floods, so each kind is said at most once a second and the rest are counted.
final class GatewayLog {
    let logger: Logger
    private var lastSaid: [String: (at: UInt64, held: Int)] = [:]

    init(_ logger: Logger) { self.logger = logger }

    func upstreamFailed(_ failure: UpstreamFailure, upstream: String) {
        say(
            "upstream failed", key: "upstream \(upstream) \(failure.refusal.reason)",
            [
                "upstream": .string(upstream), "reason": .string(failure.refusal.reason), "cause": .string(failure.logText),
            ])
    }

    func auditUnwritable(_ reason: String) {
        say("audit record not written, request refused", key: "audit", ["cause": .string(reason)])
    }

    /// How far the clocks of this machine and of an upstream differ has passed a bound, either way.
    func clockChanged(_ reading: UpstreamClock.Reading, upstream: String) {
        let text: Logger.Message =
            switch reading.level {
            case .small: "clocks agree again"
            case .large: "clocks differ, signatures are corrected: set this machine's clock"
            case .refused: "clocks differ too much, nothing is signed: set this machine's clock"
            }
        logger.log(
            level: reading.level == .small ? .notice : reading.level == .large ? .warning : .error, text,
            metadata: ["upstream": .string(upstream), "skewSeconds": .stringConvertible(Double(reading.skewMilliseconds) / 1000)])
    }

    func acceptFailed(_ error: any Error) {
        say("connection not accepted", key: "accept", ["cause": .string("\(error)")])
    }

    /// HTTP/2 frames came as a flood, and the connection was closed with ENHANCE_YOUR_CALM.
    func flooded(by source: [UInt8]) {
        say(
            "caller's connection closed: too many frames of no use", key: "flood",
            ["source": .string(String(decoding: source, as: UTF8.self))])
    }

    private func say(_ message: Logger.Message, key: String, _ metadata: Logger.Metadata) {
        let now = Clock.monotonicNanoseconds()
        if let last = lastSaid[key], now - last.at < 1_000_000_000 {
            lastSaid[key] = (last.at, last.held + 1)
            return
        }
        var metadata = metadata
        if let held = lastSaid[key]?.held, held > 0 { metadata["repeated"] = .stringConvertible(held) }
        lastSaid[key] = (now, 0)
        logger.warning(message, metadata: metadata)
    }
}

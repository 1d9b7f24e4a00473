import GatewayConfig
import Logging
import NIOConcurrencyHelpers

/// What is logged of the store. Every loop has its own connection and all fail together, so each kind of failure is said at most once in
/// five seconds, with the number held back, and the return once.
final class StoreVoice: Sendable {
    private struct Said {
        var failures: [StoreFailure.Kind: (at: UInt64, held: Int)] = [:]
        var isDown = true
    }

    private static let silenceNanoseconds: UInt64 = 5_000_000_000

    private let address: String
    private let rule: LimitStoreSettings.FailureRule
    private let connections: Int
    private let logger: Logger
    private let said = NIOLockedValueBox(Said())

    init(address: String, rule: LimitStoreSettings.FailureRule, connections: Int, logger: Logger) {
        self.address = address
        self.rule = rule
        self.connections = connections
        self.logger = logger
    }

    func failed(_ failure: StoreFailure, now: UInt64) {
        let held: Int? = said.withLockedValue { said in
            said.isDown = true
            if let last = said.failures[failure.kind], now < last.at + StoreVoice.silenceNanoseconds {
                said.failures[failure.kind] = (last.at, last.held + 1)
                return nil
            }
            defer { said.failures[failure.kind] = (now, 0) }
            return said.failures[failure.kind]?.held ?? 0
        }
        guard let held else { return }
        var metadata: Logger.Metadata = ["store": .string(address), "cause": .string(failure.logText)]
        if held > 0 { metadata["repeated"] = .stringConvertible(held) }
        let consequence = rule == .local ? "this gateway keeps its limits alone" : "limited requests are refused"
        // A wrong password does not mend itself.
        logger.log(level: failure.kind == .authentication ? .error : .warning, "limit store failed: \(consequence)", metadata: metadata)
    }

    func connected(_ count: Int) {
        guard count == connections else { return }
        let wasDown = said.withLockedValue { said in
            defer { said.isDown = false }
            return said.isDown
        }
        if wasDown { logger.info("limit store connected", metadata: ["store": .string(address)]) }
    }
}

import GatewayCore
import Glibc
import Logging
import Synchronization

/// The destinations of one trail, started and ended as the configuration says.
final class AuditShipping: Sendable {
    private let path: String
    let positions: AuditPositions
    private let observer: @Sendable (ShipEvent) -> Void
    private let shippers = Mutex<[Shipper]>([])

    /// How long the end of the process may wait for records to be sent; what is left then is sent after the next start, in milliseconds.
    static let flushMilliseconds: UInt64 = 2000

    init(path: String, positions: AuditPositions, observer: @escaping @Sendable (ShipEvent) -> Void) {
        self.path = path
        self.positions = positions
        self.observer = observer
    }

    /// The first fault of a destination's certificate files, which is told at the start rather than at the first connection.
    static func fault(in destinations: [ShipDestination]) -> String? {
        for destination in destinations {
            guard case .tls(let host, _, let files) = destination.place else { continue }
            do throws(ConnectionFailure) { _ = try ShipConnecting.session(files, host) } catch { return "\(destination): \(error.words)" }
        }
        return nil
    }

    /// Starts those that are new and ends those that are gone; the others go on without a break. Returns those that could not be started.
    func apply(_ destinations: [ShipDestination]) -> [ShipDestination] {
        shippers.withLock { shippers in
            let deadline = AuditInbox.milliseconds()
            for shipper in shippers where !destinations.contains(shipper.destination) { shipper.stop(deadline: deadline) }
            shippers.removeAll { !destinations.contains($0.destination) }
            let running = shippers.map(\.destination)
            var failed: [ShipDestination] = []
            for destination in destinations where !running.contains(destination) {
                if let shipper = Shipper(destination, trail: path, positions: positions, observer: observer) {
                    shippers.append(shipper)
                } else {
                    failed.append(destination)
                }
            }
            return failed
        }
    }

    /// In the order in which they were started.
    func status(nowMilliseconds: Int64) -> [ShipStatus] {
        shippers.withLock { shippers in shippers.map { $0.status(nowMilliseconds: nowMilliseconds) } }
    }

    /// Sends what is left, for at most `flushMilliseconds`, and ends. Blocks; not on an event loop. The trail must be closed.
    func close() {
        let ending = shippers.withLock { shippers in
            defer { shippers = [] }
            return shippers
        }
        let deadline = AuditInbox.milliseconds() + AuditShipping.flushMilliseconds
        for shipper in ending { shipper.stop(deadline: deadline) }
        // A thread that looks a name up cannot be called back; it ends with the process.
        while ending.contains(where: { !$0.isFinished }), AuditInbox.milliseconds() < deadline + 500 { usleep(2000) }
    }
}

extension AuditRule {
    /// Whether only destinations differ, which can change while the trail is open.
    func isSame(as other: AuditRule) -> Bool {
        var mine = self
        mine.ship = other.ship
        return mine == other
    }
}

extension AuditShipping {
    /// Tells a logger what happens.
    static func logging(to logger: Logger) -> @Sendable (ShipEvent) -> Void {
        { event in
            switch event {
            case .connected(let destination, let sequence):
                logger.info(
                    "audit records are shipped",
                    metadata: ["destination": .string("\(destination)"), "after": .stringConvertible(sequence)])
            case .failed(let destination, let reason):
                logger.warning(
                    "audit records are not shipped, they wait in the file",
                    metadata: ["destination": .string("\(destination)"), "cause": .string(reason)])
            case .gap(let destination, let sequence):
                logger.error(
                    "audit records are missing between the files of the trail",
                    metadata: ["destination": .string("\(destination)"), "before": .stringConvertible(sequence)])
            case .cursorNotSaved(let destination, let reason):
                logger.warning(
                    "audit shipping cursor not saved",
                    metadata: ["destination": .string("\(destination)"), "cause": .string(reason)])
            }
        }
    }
}

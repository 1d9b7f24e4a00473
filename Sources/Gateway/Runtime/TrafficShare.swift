import GatewayCore
import Synchronization

/// The last hour's history, to which each event loop adds its minutes when they are over: one lock a minute and loop.
final class TrafficShare: Sendable {
    private let history = Mutex(TrafficHistory())

    func add(_ row: TrafficTally.Row) {
        let now = Clock.wallMilliseconds()
        history.withLock { $0.add(row, now: now) }
    }

    /// - Parameters:
    ///   - current: the loops' minutes under way.
    ///   - now: milliseconds since 1970.
    func report(current: [TrafficTally.Row], now: Int64) -> TrafficReport {
        history.withLock { $0 }.report(current: current, now: now)
    }
}

extension Exchange {
    /// Counts the answer, once, for the metrics and for the charts of the last hour.
    func count(origin: AnswerOrigin, status: Int, reason: String? = nil) {
        worker.counters.count(origin: origin, status: status, reason: reason)
        worker.countRequest(self, origin: origin, status: status)
        worker.countTraffic(
            TrafficKind(origin: origin, status: status), caller: record.caller?.caller, of: runtime, arrival: arrivedMilliseconds)
    }

    /// Counts the attempt under way as answered, whatever the answer was.
    func countUpstreamAnswer(_ authorized: AuthorizedRequest, now: UInt64) {
        worker.countUpstream(
            runtime.target(for: authorized), nanoseconds: now > sentAt ? now - sentAt : 0, arrival: arrivedMilliseconds)
    }

    /// Counts the attempt under way as unanswered and notes why, where that is the upstream's doing.
    func countUpstreamFailure(_ failure: UpstreamFailure) {
        switch failure {
        case .callerGone, .draining, .drainEnded, .poolExhausted: return
        default: break
        }
        guard let target = currentTarget else { return }
        target.lastFailure.note(failure, at: Clock.wallMilliseconds())
        worker.countUpstream(target, nanoseconds: nil, arrival: arrivedMilliseconds)
    }
}

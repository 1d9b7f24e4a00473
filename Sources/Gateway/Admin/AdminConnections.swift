import NIOCore
import Synchronization

/// The connections of the admin listener, which stays within reach of probes however many others come and say nothing.
///
/// Whoever can reach it may ask, so nobody can be told from anybody: there is room for so many, and a new one beyond that takes the place of
/// the one that has been silent for longest. A probe asks at once and is served before its turn to go comes.
final class AdminConnections: Sendable {
    static let most = 128
    /// For a request to be complete, counted from the answer before it, and for an answer to be taken.
    static let patience = TimeAmount.seconds(60)

    private struct Entry: Sendable {
        var channel: any Channel
        /// The number of the last event: a larger one is later.
        var heard: UInt64
    }

    private struct State: Sendable {
        var entries: [ObjectIdentifier: Entry] = [:]
        var events: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Counts a connection until it is closed, and closes another one where there are too many.
    func admit(_ channel: any Channel) {
        let longestSilent = state.withLock { state -> (any Channel)? in
            state.events += 1
            let silent = state.entries.count < Self.most ? nil : state.entries.min { $0.value.heard < $1.value.heard }
            if let silent { state.entries[silent.key] = nil }
            state.entries[ObjectIdentifier(channel)] = Entry(channel: channel, heard: state.events)
            return silent?.value.channel
        }
        longestSilent?.close(promise: nil)
        channel.closeFuture.whenComplete { _ in self.remove(channel) }
    }

    /// A request of this connection is complete.
    func heard(_ channel: any Channel) {
        state.withLock { state in
            state.events += 1
            state.entries[ObjectIdentifier(channel)]?.heard = state.events
        }
    }

    var count: Int { state.withLock { $0.entries.count } }

    private func remove(_ channel: any Channel) { state.withLock { $0.entries[ObjectIdentifier(channel)] = nil } }
}

/// Closes the connection that does not get on: whose request is not complete, or whose answer is not taken, in time.
struct AdminDeadline {
    private var task: Scheduled<Void>?

    /// From now on the time counts anew.
    mutating func begin(for channel: any Channel) {
        task?.cancel()
        task = channel.eventLoop.scheduleTask(in: AdminConnections.patience) { channel.close(promise: nil) }
    }

    mutating func end() {
        task?.cancel()
        task = nil
    }
}

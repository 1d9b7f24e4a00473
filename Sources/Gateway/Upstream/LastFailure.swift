import Synchronization

/// The last time that an upstream gave a request no whole answer, for `/status`. Lives on over a reload.
final class LastFailure: Sendable {
    struct Note: Sendable, Equatable {
        /// The word of `countersign-reason`; never anything of a request.
        var reason: String
        /// Since 1970.
        var timeMilliseconds: Int64
    }

    private let note = Mutex<Note?>(nil)

    var last: Note? { note.withLock { $0 } }

    func note(_ failure: UpstreamFailure, at now: Int64) {
        let new = Note(reason: failure.refusal.reason, timeMilliseconds: now)
        note.withLock { $0 = new }
    }
}

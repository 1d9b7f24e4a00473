import COpenSSL
import Synchronization

/// One session that may be resumed.
///
/// `@unchecked Sendable`: the `SSL_SESSION` is a copy that only this object refers to, so no one changes it while it is here; a
/// connection takes it for itself (TLS 1.3) or gets a copy of its own (TLS 1.2).
final class ResumableSession: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { SSL_SESSION_free(pointer) }

    /// A ticket of TLS 1.3 is used once, so that an observer cannot link connections (RFC 8446 appendix C.4).
    var isSingleUse: Bool { SSL_SESSION_get_protocol_version(pointer) == TLSVersion.tls13.rawValue }
}

/// The newest sessions for each server name of one client context. Shared by event loops.
final class SessionCache: Sendable {
    static let sessionsPerName = 8
    static let names = 64

    private let sessions = Mutex<[String: [ResumableSession]]>([:])

    func store(_ session: ResumableSession, for name: String) {
        sessions.withLock { all in
            if all[name] == nil, all.count >= Self.names, let other = all.keys.first { all[other] = nil }
            var kept = all.removeValue(forKey: name) ?? []
            if kept.count == Self.sessionsPerName { kept.removeFirst() }
            kept.append(session)
            all[name] = kept
        }
    }

    /// The newest session for `name`. One of TLS 1.3 is taken out; one of TLS 1.2 stays and a copy is given.
    func take(for name: String) -> ResumableSession? {
        sessions.withLock { all in
            guard let newest = all[name]?.last else { return nil }
            if newest.isSingleUse { return all[name]?.removeLast() }
            return SSL_SESSION_dup(newest.pointer).map { ResumableSession(owning: $0) }
        }
    }

    /// After a connection that failed: whatever is kept for `name` is not offered again.
    func forget(_ name: String) {
        sessions.withLock { all in all[name] = nil }
    }

    func count(for name: String) -> Int {
        sessions.withLock { all in all[name]?.count ?? 0 }
    }
}

import COpenSSL
import Glibc

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
///
/// `@unchecked Sendable`: `sessions` is touched inside `withLock` only. The lock is a pthread mutex because the thread sanitizer
/// does not see the one of `Synchronization`.
final class SessionCache: @unchecked Sendable {
    static let sessionsPerName = 8
    static let names = 64

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var sessions: [String: [ResumableSession]] = [:]

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func store(_ session: ResumableSession, for name: String) {
        withLock {
            if sessions[name] == nil, sessions.count >= Self.names, let other = sessions.keys.first { sessions[other] = nil }
            var kept = sessions.removeValue(forKey: name) ?? []
            if kept.count == Self.sessionsPerName { kept.removeFirst() }
            kept.append(session)
            sessions[name] = kept
        }
    }

    /// The newest session for `name`. One of TLS 1.3 is taken out; one of TLS 1.2 stays and a copy is given.
    func take(for name: String) -> ResumableSession? {
        withLock {
            guard let newest = sessions[name]?.last else { return nil }
            if newest.isSingleUse { return sessions[name]?.removeLast() }
            return SSL_SESSION_dup(newest.pointer).map { ResumableSession(owning: $0) }
        }
    }

    /// After a connection that failed: whatever is kept for `name` is not offered again.
    func forget(_ name: String) {
        withLock { sessions[name] = nil }
    }

    private func withLock<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

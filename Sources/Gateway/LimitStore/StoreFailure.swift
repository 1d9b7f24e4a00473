import Glibc
import NIOCore
import NIOPosix
import Wire

/// Why the store did not answer. Says nothing secret.
enum StoreFailure: Error, Equatable {
    case timedOut
    /// No connection, or it ended; the system's words.
    case disconnected(String)
    case tls(String)
    /// The user or the password is not accepted.
    case unauthorized(String)
    /// It answered with an error; its words.
    case refused(String)
    case malformed

    /// The label of the metric.
    enum Kind: Int, CaseIterable {
        case timeout, connection, tls, authentication, error, malformed

        var label: String { "\(self)" }
    }

    var kind: Kind {
        switch self {
        case .timedOut: .timeout
        case .disconnected: .connection
        case .tls: .tls
        case .unauthorized: .authentication
        case .refused: .error
        case .malformed: .malformed
        }
    }

    var logText: String {
        switch self {
        case .timedOut: "it did not answer within the timeout"
        case .disconnected(let text): text
        case .tls(let text): "TLS: \(text)"
        case .unauthorized(let text): "it does not accept the user or password of limitStore.redis: \(text)"
        case .refused(let text): "it answered: \(text)"
        case .malformed: "what it sent is no Redis protocol"
        }
    }

    /// An error reply, by its first word.
    init(reply text: String) {
        switch text.prefix(while: { $0 != " " }) {
        case "WRONGPASS", "NOAUTH": self = .unauthorized(text)
        // Before ACLs, a wrong password was a plain error; now it says that a password came where none is set.
        case "ERR" where text.contains("AUTH") || text.contains("invalid password"): self = .unauthorized(text)
        default: self = .refused(String(text.prefix(200)))
        }
    }

    init(connecting error: any Error) {
        var cause = error
        if let connection = error as? NIOConnectionError {
            guard let first = connection.connectionErrors.first else {
                self = .disconnected("its host name does not resolve")
                return
            }
            cause = first.error
        }
        switch cause {
        case let error as TLSError: self = .tls(error.sentence)
        case let error as IOError where error.errnoCode == ECONNREFUSED: self = .disconnected("it refuses connections")
        case let error as ChannelError:
            if case .connectTimeout = error { self = .timedOut } else { self = .disconnected("\(error)") }
        default: self = .disconnected("\(cause)")
        }
    }
}

/// When a record counts as written.
public enum AuditSync: String, Sendable, CaseIterable {
    /// On disk (`fdatasync`) before the request leaves; one sync serves all that wait.
    case always
    /// With the writer before the request leaves, handed to the kernel within milliseconds and synced every second.
    case interval
    /// As `interval`, but synced when the kernel likes.
    case never
}

/// How the subject (a phone number) stands in the trail.
public enum AuditSubjectStyle: Sendable, Equatable {
    case plain
    /// HMAC-SHA256 under this key, so that equal numbers look equal to who has the key.
    case pseudonym(key: [UInt8])
    case last4
}

/// The key stays out of every description, `dump` included.
extension AuditSubjectStyle: CustomStringConvertible, CustomReflectable {
    public var description: String {
        switch self {
        case .plain: "plain"
        case .pseudonym: "pseudonym"
        case .last4: "last4"
        }
    }

    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// `audit` in the configuration.
public struct AuditRule: Sendable, Equatable {
    public var path: String
    public var sync: AuditSync
    public var subject: AuditSubjectStyle

    public init(path: String, sync: AuditSync = .always, subject: AuditSubjectStyle = .plain) {
        self.path = path
        self.sync = sync
        self.subject = subject
    }
}

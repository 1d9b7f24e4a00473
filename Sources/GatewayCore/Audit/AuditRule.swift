import Digests

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
    case pseudonym(key: SecretBytes)
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

/// `audit.rotate`: when the gateway itself begins a new file, and what becomes of the old ones.
public struct AuditRotationRule: Sendable, Equatable {
    /// Once a file has this many bytes; nil: size does not matter.
    public var byteLimit: Int?
    /// Once a file's first record is this old, in milliseconds; nil: age does not matter.
    public var ageMilliseconds: UInt64?
    /// How many rotated files are kept; nil: all.
    public var keptFileCount: Int?
    public var compresses: Bool

    public init(byteLimit: Int? = nil, ageMilliseconds: UInt64? = nil, keptFileCount: Int? = nil, compresses: Bool = false) {
        self.byteLimit = byteLimit
        self.ageMilliseconds = ageMilliseconds
        self.keptFileCount = keptFileCount
        self.compresses = compresses
    }
}

/// How checkpoints are signed.
public enum AuditCheckpointAlgorithm: String, Sendable, CaseIterable {
    case hmacSHA256 = "hmac-sha256"
    case ed25519
}

/// `audit.checkpoint`: how often the trail is signed, and with what.
public struct AuditCheckpointRule: Sendable, Equatable {
    /// After this many records, at least 1.
    public var recordCount: UInt64
    /// And so long after a record that no checkpoint covers yet, in milliseconds.
    public var intervalMilliseconds: UInt64
    public var algorithm: AuditCheckpointAlgorithm
    /// The bytes of an HMAC key, or an Ed25519 private key in PEM form.
    public var key: SecretBytes

    public init(
        recordCount: UInt64 = 1000, intervalMilliseconds: UInt64 = 60_000, algorithm: AuditCheckpointAlgorithm = .hmacSHA256,
        key: SecretBytes
    ) {
        self.recordCount = recordCount
        self.intervalMilliseconds = intervalMilliseconds
        self.algorithm = algorithm
        self.key = key
    }
}

/// The key stays out of every description, `dump` included.
extension AuditCheckpointRule: CustomStringConvertible, CustomReflectable {
    public var description: String { "every \(recordCount) records or \(intervalMilliseconds) ms, \(algorithm.rawValue)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// `audit` in the configuration.
public struct AuditRule: Sendable, Equatable {
    public var path: String
    public var sync: AuditSync
    public var subject: AuditSubjectStyle
    /// A second file with the same lines, on another disk.
    public var mirrorPath: String?
    /// nil: somebody else rotates, logrotate for example.
    public var rotation: AuditRotationRule?
    /// nil: nothing is signed.
    public var checkpoint: AuditCheckpointRule?
    /// Where records are copied to; each place once.
    public var ship: [ShipDestination] = []

    public init(
        path: String, sync: AuditSync = .always, subject: AuditSubjectStyle = .plain, mirrorPath: String? = nil,
        rotation: AuditRotationRule? = nil, checkpoint: AuditCheckpointRule? = nil
    ) {
        self.path = path
        self.sync = sync
        self.subject = subject
        self.mirrorPath = mirrorPath
        self.rotation = rotation
        self.checkpoint = checkpoint
    }
}

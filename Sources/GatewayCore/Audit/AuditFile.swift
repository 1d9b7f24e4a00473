/// A call on the file that failed.
public struct AuditFileError: Error, Equatable, CustomStringConvertible {
    /// `write`, `fdatasync`, `open`, …
    public var call: StaticString
    /// In words, with the name of the error: `No space left on device`.
    public var reason: String

    public init(call: StaticString, reason: String) {
        self.call = call
        self.reason = reason
    }

    public var description: String { "\(call): \(reason)" }

    public static func == (left: AuditFileError, right: AuditFileError) -> Bool { left.description == right.description }
}

/// What is to be known of a file before anything is added to it.
public struct AuditFileState: Sendable, Equatable {
    /// In bytes.
    public var size: Int
    /// Whether a name still leads to it.
    public var isLinked: Bool

    public init(size: Int, isLinked: Bool = true) {
        self.size = size
        self.isLinked = isLinked
    }
}

/// A file that has just been opened and, where a crash had torn its end, mended.
public struct AuditOpening: Sendable, Equatable {
    public var size: Int
    /// Tells one file from another (its inode number).
    public var identity: UInt64
    /// The chain behind the last record of this file, or of its predecessor where this one is empty; nil where there is neither.
    public var chain: AuditChain?
    /// What the next record has to note: a torn line set aside, an edited last record.
    public var notes: [String]

    public init(size: Int, identity: UInt64 = 0, chain: AuditChain? = nil, notes: [String] = []) {
        self.size = size
        self.identity = identity
        self.chain = chain
        self.notes = notes
    }
}

/// The calls that the journal makes. Errors are final: `EINTR` is repeated below.
public protocol AuditFile {
    /// Adds bytes at the end and says how many were taken, at least one.
    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(AuditFileError) -> Int
    /// Returns once all that was written is on the disk (`fdatasync`).
    mutating func synchronize() throws(AuditFileError)
    /// Cuts the file to `size` bytes.
    mutating func truncate(to size: Int) throws(AuditFileError)
    mutating func inspect() throws(AuditFileError) -> AuditFileState
    /// Whether there is room for a record at the moment, tried without changing what readers see.
    mutating func probe() throws(AuditFileError)
    /// Opens the path anew, making the file where it is missing. On an error the file that was open stays so.
    mutating func reopen() throws(AuditFileError) -> AuditOpening
    /// Closes the file.
    mutating func release()
}

/// A call on the file that failed.
public struct AuditFileError: Error, Equatable, CustomStringConvertible {
    /// `write`, `fdatasync`, `open`, …
    public var call: StaticString
    /// In words, with the name of the error: `No space left on device`.
    public var reason: String
    /// Whether it was the file of `audit.mirror`.
    public var isOfMirror: Bool

    public init(call: StaticString, reason: String, isOfMirror: Bool = false) {
        self.call = call
        self.reason = reason
        self.isOfMirror = isOfMirror
    }

    public var description: String { "\(isOfMirror ? "mirror: " : "")\(call): \(reason)" }

    public static func == (left: AuditFileError, right: AuditFileError) -> Bool { left.description == right.description }
}

/// What is to be known of a file before anything is added to it.
public struct AuditFileState: Sendable, Equatable {
    /// In bytes.
    public var size: Int
    /// Whether a name still leads to it.
    public var isLinked: Bool
    /// What the next record has to note: what was mended meanwhile.
    public var notes: [String]

    public init(size: Int, isLinked: Bool = true, notes: [String] = []) {
        self.size = size
        self.isLinked = isLinked
        self.notes = notes
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
    /// The time of its first record, in milliseconds since 1970; nil where there is none.
    public var begun: Int64?
    /// That of its last record.
    public var ended: Int64?

    public init(
        size: Int, identity: UInt64 = 0, chain: AuditChain? = nil, notes: [String] = [], begun: Int64? = nil, ended: Int64? = nil
    ) {
        self.size = size
        self.identity = identity
        self.chain = chain
        self.notes = notes
        self.begun = begun
        self.ended = ended
    }
}

/// The calls that the journal makes. Errors are final: `EINTR` is repeated below.
public protocol AuditFile {
    /// Where the journal stands now, told before `inspect`, `probe` and `reopen`. Only a file that is more than one needs to know.
    mutating func expect(_ chain: AuditChain)
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
    /// Moves the file to its path with `suffix` behind it and opens a new, empty one. On an error the file that was open stays so, in
    /// its place.
    mutating func rotate(to suffix: String) throws(AuditFileError) -> AuditOpening
    /// Bytes of the open file, fewer than wanted where it ends.
    func read(from offset: Int, count: Int) throws(AuditFileError) -> [UInt8]
    /// Closes the file.
    mutating func release()
}

extension AuditFile {
    public mutating func expect(_ chain: AuditChain) {}
}

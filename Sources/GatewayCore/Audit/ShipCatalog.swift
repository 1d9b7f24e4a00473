/// The files of a trail as they lie beside each other, and which of them holds a place or follows another.
public struct ShipCatalog: Sendable, Equatable {
    public struct File: Sendable, Equatable {
        public var name: String
        /// Its inode number.
        public var identity: UInt64
        /// `seq` and `prev` of its first record; nil where it has none (yet).
        public var first: First?
        public var isCompressed: Bool
        /// In bytes, as it lies there.
        public var size: Int
        /// Whether this is the name that the writer writes to.
        public var isLive: Bool

        public init(name: String, identity: UInt64, first: First?, isCompressed: Bool = false, size: Int = 0, isLive: Bool = false) {
            self.name = name
            self.identity = identity
            self.first = first
            self.isCompressed = isCompressed
            self.size = size
            self.isLive = isLive
        }
    }

    public struct First: Sendable, Equatable {
        public var sequence: UInt64
        public var previous: AuditHash

        public init(sequence: UInt64, previous: AuditHash) {
            self.sequence = sequence
            self.previous = previous
        }
    }

    /// The file to go on with.
    public struct Successor: Sendable, Equatable {
        public var file: File
        /// Whether it does not begin where the other ended: records between them are gone, or the chain began anew.
        public var isGap: Bool
    }

    /// Those with a record, oldest first; of a file and its compressed copy the one that can be read at once comes first.
    private let files: [File]

    public init(_ files: [File]) {
        self.files = files.filter { $0.first != nil }.sorted { left, right in
            (left.first?.sequence ?? 0, left.isLive ? 1 : 0, left.isCompressed ? 1 : 0, left.name)
                < (right.first?.sequence ?? 0, right.isLive ? 1 : 0, right.isCompressed ? 1 : 0, right.name)
        }
    }

    /// Those with a record. A file and its compressed copy may both be there.
    public var newestFirst: [File] { files.reversed() }

    /// Where to look for a cursor, the likeliest first: the file that it was in, then those that begin with the nearest record before it.
    public func candidates(for cursor: ShipCursor) -> [File] {
        let before = files.filter { file in file.first.map { $0.sequence <= cursor.sequence } ?? false }
        guard let nearest = before.last?.first?.sequence else { return [] }
        let same = before.filter { $0.identity == cursor.identity && !$0.isCompressed }
        return same + before.filter { $0.first?.sequence == nearest && !same.contains($0) }
    }

    /// What follows the record with `sequence` and `hash` when no file holds a later one behind it: the file that names it as its
    /// predecessor, or else the nearest later one, or the live file where the chain began anew. Nil where nothing follows yet.
    public func successor(after sequence: UInt64, _ hash: AuditHash) -> Successor? {
        if sequence == 0 { return files.first.map { Successor(file: $0, isGap: false) } }
        if let next = files.first(where: { $0.first == First(sequence: sequence + 1, previous: hash) }) {
            return Successor(file: next, isGap: false)
        }
        if let later = files.first(where: { ($0.first?.sequence ?? 0) > sequence }) { return Successor(file: later, isGap: true) }
        return files.first { $0.isLive }.map { Successor(file: $0, isGap: true) }
    }

    /// Bytes in the files that lie behind the one which begins with record `sequence`, the live one left out.
    public func byteCount(after sequence: UInt64) -> Int {
        var total = 0
        var last: UInt64?
        for file in files where !file.isLive {
            guard let first = file.first, first.sequence > sequence, first.sequence != last else { continue }
            last = first.sequence
            total += file.size
        }
        return total
    }
}

import Digests

/// The frame of a line: what the writer put around a body. Everything else in a line is covered by its hash.
public struct AuditLine: Sendable, Equatable {
    public let sequence: UInt64
    public let previous: AuditHash
    /// As the line states it, right or not.
    public let hash: AuditHash
    /// How many bytes from the start the hash covers.
    public let hashedByteCount: Int
    /// Where the body begins, with a comma.
    let bodyOffset: Int

    private static let prefix: StaticString = "{\"v\":1,\"seq\":"
    private static let previousName: StaticString = ",\"prev\":\""
    private static let hashName: StaticString = "\",\"hash\":\""
    /// `,"prev":"` 64 digits `","hash":"` 64 digits `"}`
    private static let suffixByteCount = 9 + 64 + 10 + 64 + 2

    /// - Parameter bytes: one line without its newline. Nil where this is not a record of version 1 as this program writes it.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        let prefixCount = AuditLine.prefix.utf8CodeUnitCount
        guard bytes.count > prefixCount + AuditLine.suffixByteCount, AuditLine.stands(AuditLine.prefix, in: bytes, at: 0) else {
            return nil
        }
        var index = prefixCount
        var value: UInt64 = 0
        while bytes[index] &- 0x30 < 10 {
            // No leading zero (nor zero itself), and no more digits than an Int64 has.
            guard index < prefixCount + 18, value > 0 || bytes[index] != 0x30 else { return nil }
            value = value * 10 + UInt64(bytes[index] &- 0x30)
            index += 1
        }
        guard index > prefixCount, bytes[index] == 0x2C else { return nil }
        let suffix = bytes.count - AuditLine.suffixByteCount
        guard suffix >= index, AuditLine.stands(AuditLine.previousName, in: bytes, at: suffix),
            AuditLine.stands(AuditLine.hashName, in: bytes, at: suffix + 73), bytes[bytes.count - 2] == 0x22,
            bytes[bytes.count - 1] == 0x7D,
            let previous = AuditHash(hex: UnsafeRawBufferPointer(rebasing: bytes[suffix + 9..<suffix + 73])),
            let hash = AuditHash(hex: UnsafeRawBufferPointer(rebasing: bytes[suffix + 83..<suffix + 147]))
        else { return nil }
        sequence = value
        self.previous = previous
        self.hash = hash
        hashedByteCount = suffix + 74
        bodyOffset = index
    }

    /// Whether the hash that the line states is the hash of its bytes.
    public func isIntact(in bytes: UnsafeRawBufferPointer, with context: SHA256Context) -> Bool {
        AuditHash(of: UnsafeRawBufferPointer(rebasing: bytes[..<hashedByteCount]), with: context) == hash
    }

    private static func stands(_ text: StaticString, in bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        for index in 0..<text.utf8CodeUnitCount where bytes[offset + index] != text.utf8Start[index] { return false }
        return true
    }
}

/// Where lines end.
enum LineFeed {
    /// The first line feed at or after `start`, eight bytes at a time; nil where there is none.
    static func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = start
        while index + 8 <= bytes.count {
            // A byte of `word` is zero where a line feed stands; the classic test sets the top bit of the lowest such byte.
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ (ones &* 0x0A)
            let zeros = (word &- ones) & ~word & (ones &* 0x80)
            if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count {
            if bytes[index] == 0x0A { return index }
            index += 1
        }
        return nil
    }

    /// The last line feed before `end`, or nil.
    static func last(in bytes: UnsafeRawBufferPointer, before end: Int) -> Int? {
        var index = end - 1
        while index >= 0 {
            if bytes[index] == 0x0A { return index }
            index -= 1
        }
        return nil
    }
}

/// What the end of a file says about how to go on.
public enum AuditTail: Sendable, Equatable {
    /// No whole record and nothing torn: an empty file.
    case empty
    /// The bytes given hold no start of a line; more of the file is needed to tell.
    case needsMore
    /// The last whole record. `keptByteCount` of the bytes given end with it; what follows (if anything) was torn by a crash.
    /// `isEdited`: its hash does not match, so somebody changed it; it stays where it is for `audit verify` to name.
    case record(sequence: UInt64, hash: AuditHash, keptByteCount: Int, isEdited: Bool)
    /// There is no whole record, and all of it is torn.
    case torn

    /// - Parameters:
    ///   - bytes: the last bytes of the file.
    ///   - isWholeFile: whether they are all there is; otherwise what stands before the first line feed is no whole line.
    public init(_ bytes: UnsafeRawBufferPointer, isWholeFile: Bool, with context: SHA256Context) {
        if bytes.isEmpty {
            self = .empty
            return
        }
        var end = bytes.count
        // Zeros or pieces of a line where a record should be are what a crash leaves. The first line with the frame of a record,
        // from the end, is the last whole one.
        while let feed = LineFeed.last(in: bytes, before: end) {
            let previousFeed = LineFeed.last(in: bytes, before: feed)
            if previousFeed == nil, !isWholeFile { break }
            let start = previousFeed.map { $0 + 1 } ?? 0
            let text = UnsafeRawBufferPointer(rebasing: bytes[start..<feed])
            if let line = AuditLine(text) {
                self = .record(
                    sequence: line.sequence, hash: line.hash, keptByteCount: feed + 1, isEdited: !line.isIntact(in: text, with: context))
                return
            }
            end = feed
        }
        self = isWholeFile ? .torn : .needsMore
    }
}

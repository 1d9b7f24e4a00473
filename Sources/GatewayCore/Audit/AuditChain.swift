import Digests

/// A SHA-256 digest as a value, 32 bytes.
public struct AuditHash: Sendable, Hashable, CustomStringConvertible {
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// What `prev` of the very first record shows: 64 zeros.
    public static let zero = AuditHash(words: (0, 0, 0, 0))

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    public init(of bytes: UnsafeRawBufferPointer, with context: SHA256Context) {
        words = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { buffer in
            if let base = buffer.baseAddress { context.digest(bytes, into: base) }
        }
    }

    /// Reads 64 lower-case hexadecimal digits; nil for anything else.
    public init?(hex: UnsafeRawBufferPointer) {
        guard hex.count == 64 else { return nil }
        words = (0, 0, 0, 0)
        let isRead = withUnsafeMutableBytes(of: &words) { buffer in
            for index in 0..<32 {
                let high = AuditHash.value(hex[2 * index])
                let low = AuditHash.value(hex[2 * index + 1])
                guard high < 16, low < 16 else { return false }
                buffer[index] = high << 4 | low
            }
            return true
        }
        guard isRead else { return nil }
    }

    func write(to output: UnsafeMutableRawPointer) {
        withUnsafeBytes(of: words) { Hex.encode($0, into: output) }
    }

    public var description: String { withUnsafeBytes(of: words) { Hex.string($0) } }

    public static func == (left: AuditHash, right: AuditHash) -> Bool { left.words == right.words }

    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    private static func value(_ digit: UInt8) -> UInt8 {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x57
        default: 0xFF
        }
    }
}

/// The place of the next record in the chain. A value: keep a copy to go back to when a write fails.
public struct AuditChain: Sendable, Equatable {
    /// The `seq` that the next record gets; the very first is 1.
    public private(set) var nextSequence: UInt64
    /// The `prev` that the next record gets.
    public private(set) var previous: AuditHash

    public init(nextSequence: UInt64 = 1, previous: AuditHash = .zero) {
        self.nextSequence = nextSequence
        self.previous = previous
    }

    /// Appends the whole line for `body` (an `AuditEncoder`'s, which begins with a comma), newline included, to `lines`.
    ///
    /// - Parameter note: what the writer itself has to say in this record (member `note`); nil for nothing.
    public mutating func seal(
        _ body: UnsafeRawBufferPointer, note: String? = nil, with context: SHA256Context, into lines: inout [UInt8]
    ) {
        let sequence = nextSequence
        let previous = previous
        var hash = AuditHash.zero
        let noteBytes = note.map { Array($0.utf8) }
        JSONCursor.append(to: &lines, expecting: body.count + AuditChain.frameByteCount + 6 * (noteBytes?.count ?? 0)) { cursor in
            let start = cursor.position
            cursor.raw("{\"v\":1,\"seq\":")
            cursor.integer(Int64(truncatingIfNeeded: sequence))
            cursor.raw(body)
            if let noteBytes {
                cursor.raw(",\"note\":")
                cursor.string(noteBytes)
            }
            cursor.raw(",\"prev\":\"")
            cursor.hexadecimal(previous)
            cursor.raw("\"")
            guard !cursor.hasOverflowed else { return }
            hash = AuditHash(of: UnsafeRawBufferPointer(start: start, count: cursor.position - start), with: context)
            cursor.raw(",\"hash\":\"")
            cursor.hexadecimal(hash)
            cursor.raw("\"}\n")
        }
        nextSequence = sequence &+ 1
        self.previous = hash
    }

    /// What a line has besides its body: at most 13 + 20 before it and 9 + 64 + 1 + 9 + 64 + 3 behind it, rounded up.
    private static let frameByteCount = 192
}

extension JSONCursor {
    mutating func hexadecimal(_ hash: AuditHash) {
        guard let start = take(64) else { return }
        hash.write(to: start)
    }
}

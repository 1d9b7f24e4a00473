import Digests

/// A place between two records of a trail, and how it is found again in a file that may have been renamed or compressed since.
public struct ShipCursor: Sendable, Equatable {
    /// `seq` and `hash` of the record before the place; 0 and zero before the very first one that is at hand.
    public var sequence: UInt64
    public var hash: AuditHash
    /// The inode number of the file that it was in.
    public var identity: UInt64
    /// How many bytes of that file lie before the place (of its content, where it is compressed).
    public var offset: Int

    public init(sequence: UInt64 = 0, hash: AuditHash = .zero, identity: UInt64 = 0, offset: Int = 0) {
        self.sequence = sequence
        self.hash = hash
        self.identity = identity
        self.offset = offset
    }

    private static let version = "countersign-ship-1"

    /// One line: a version, `seq`, `hash`, inode and offset.
    public var encoded: [UInt8] { Array("\(ShipCursor.version) \(sequence) \(hash) \(identity) \(offset)\n".utf8) }

    /// Nil for anything but what `encoded` gives, a line that a crash has cut included.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.count < 256, bytes.last == 0x0A else { return nil }
        let parts = bytes.dropLast().split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 5, Array(parts[0]) == Array(ShipCursor.version.utf8),
            let sequence = UInt64(String(decoding: parts[1], as: UTF8.self)),
            let hash = parts[2].withUnsafeBytes({ AuditHash(hex: $0) }),
            let identity = UInt64(String(decoding: parts[3], as: UTF8.self)),
            let offset = Int(String(decoding: parts[4], as: UTF8.self)), offset >= 0
        else { return nil }
        self.init(sequence: sequence, hash: hash, identity: identity, offset: offset)
    }

    /// The name of the file in which a destination's cursor is kept, beside the trail. What is not plain in `destination` becomes `_`;
    /// the digits at the end keep names apart that look alike then.
    public static func fileName(trail: String, destination: String) -> String {
        let bytes = Array(destination.utf8)
        let plain = bytes.prefix(64).map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: byte
            default: 0x5F
            }
        }
        // FNV-1a, 64 bits: a name, not a proof.
        let digest = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(digest & 0xFFFF_FFFF, radix: 16)
        let padded = String(repeating: "0", count: 8 - digits.utf8.count) + digits
        return "\(trail).ship-\(String(decoding: plain, as: UTF8.self))-\(padded).cursor"
    }
}

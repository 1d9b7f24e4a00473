/// One field line of a request to be signed.
public struct HeaderField: Sendable, Hashable {
    public var name: String
    public var value: [UInt8]

    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    public init(_ name: String, _ value: String) { self.init(name, Array(value.utf8)) }

    /// The value as text, with U+FFFD where it is no UTF-8.
    public var valueText: String { String(decoding: value, as: UTF8.self) }

    /// The name with A-Z folded, as it stands in a canonical request.
    public var canonicalName: String {
        String(decoding: name.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Fields that are never signed: hops change or drop them, so a signature over them would break on the way. The names that
    /// botocore leaves out, and `Authorization`, which carries the signature.
    public static let unsignedNames: Set<String> = [
        "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
    ]
}

/// Field values as Signature Version 4 wants them (AWS's Trimall): no blanks around, one space for each run of blanks within,
/// in quotes too. Blanks are space, tab and the line ends and feeds that a folded value may hold.
enum CanonicalValue {
    /// Writes the canonical form, no longer than `value`, to `output` and returns its length.
    static func write(_ value: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<UInt8>) -> Int {
        // Nearly every value is canonical as it stands. Whether one has blanks is found without a branch for each byte.
        var lowest = UInt8.max
        for byte in value { lowest = min(lowest, byte) }
        if lowest > 0x20 {
            if let source = value.baseAddress { UnsafeMutableRawPointer(output).copyMemory(from: source, byteCount: value.count) }
            return value.count
        }
        var end = 0
        var isBlankPending = false
        for index in 0..<value.count {
            let byte = value[index]
            if isBlank(byte) {
                isBlankPending = end > 0
            } else {
                if isBlankPending {
                    output[end] = 0x20
                    end &+= 1
                    isBlankPending = false
                }
                output[end] = byte
                end &+= 1
            }
        }
        return end
    }

    /// Without the blanks around; those within stay.
    static func trim(_ value: [UInt8]) -> [UInt8] {
        guard let first = value.firstIndex(where: { !isBlank($0) }), let last = value.lastIndex(where: { !isBlank($0) }) else { return [] }
        return Array(value[first...last])
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }

    static func canonicalize(_ value: [UInt8]) -> [UInt8] {
        // An empty array's storage is shared by all threads, and the initialiser below would write its count.
        guard !value.isEmpty else { return [] }
        return [UInt8](unsafeUninitializedCapacity: value.count) { buffer, count in
            guard let output = buffer.baseAddress else { return }
            count = value.withUnsafeBytes { write($0, into: output) }
        }
    }
}

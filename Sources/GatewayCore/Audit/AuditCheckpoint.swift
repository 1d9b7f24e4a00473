/// A record of stage `checkpoint`: a signature over everything before it.
public struct AuditCheckpoint: Sendable, Equatable {
    public let sequence: UInt64
    public let previous: AuditHash
    public let hash: AuditHash
    public let time: String
    public let keyID: String
    let signature: [UInt8]

    private static let opening: StaticString = ",\"time\":\""
    private static let stage: StaticString = "Z\",\"stage\":\"checkpoint\""
    private static let timeByteCount = 24

    /// Whether a line is one, by what stands at its beginning.
    static func stands(in text: UnsafeRawBufferPointer, _ line: AuditLine) -> Bool {
        let start = line.bodyOffset
        let mark = start + opening.utf8CodeUnitCount + timeByteCount - 1
        guard text.count > mark + stage.utf8CodeUnitCount else { return false }
        for index in 0..<stage.utf8CodeUnitCount where text[mark + index] != stage.utf8Start[index] { return false }
        return true
    }

    /// - Parameter text: a line without its newline. Nil for other records, and for one that does not say all that it must.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard let line = AuditLine(text), AuditCheckpoint.stands(in: text, line) else { return nil }
        sequence = line.sequence
        previous = line.previous
        hash = line.hash
        let start = line.bodyOffset + AuditCheckpoint.opening.utf8CodeUnitCount
        time = String(decoding: text[start..<start + AuditCheckpoint.timeByteCount], as: UTF8.self)
        var keyID: String?
        var signature: [UInt8]?
        var scanner = JSONObjectScanner(text)
        while let (name, value) = scanner.next() {
            guard text[name].elementsEqual("checkpoint".utf8) else { continue }
            var inner = JSONObjectScanner(text, at: value.lowerBound)
            while let (name, value) = inner.next() {
                guard value.count >= 2 else { continue }
                let digits = text[value.lowerBound + 1..<value.upperBound - 1]
                if text[name].elementsEqual("keyId".utf8) { keyID = String(decoding: digits, as: UTF8.self) }
                if text[name].elementsEqual("signature".utf8) { signature = AuditCheckpoint.bytes(hex: digits) }
            }
        }
        guard let keyID, let signature else { return nil }
        self.keyID = keyID
        self.signature = signature
    }

    /// Whether one of the keys signed it.
    public func isSigned(by keys: [AuditVerificationKey]) -> Bool {
        let text = AuditSignedText.bytes(sequence: sequence, time: time, previous: previous)
        return keys.contains { $0.keyID == keyID && $0.isValid(signature, for: text) }
    }

    private static func bytes(hex digits: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x61...0x66: digit - 0x57
            default: nil
            }
        }
        guard digits.count % 2 == 0, digits.count <= 256 else { return nil }
        var bytes: [UInt8] = []
        var index = digits.startIndex
        while index < digits.endIndex {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
            index += 2
        }
        return bytes
    }
}

/// Decides when the trail is signed, and writes what stands in a checkpoint.
struct AuditCheckpointer {
    private let rule: AuditCheckpointRule
    private let signer: AuditSigner
    private let instanceMember: [UInt8]
    /// When records that no checkpoint covers have waited long enough; nil while there are none.
    private(set) var deadline: UInt64?

    init(rule: AuditCheckpointRule, instance: String) throws(AuditSigner.BadKey) {
        self.rule = rule
        signer = try AuditSigner(rule.algorithm, key: rule.key)
        var member: [UInt8] = []
        JSONCursor.append(to: &member, expecting: 32 + instance.utf8.count) { cursor in
            cursor.raw(",\"instance\":")
            cursor.string(Array(instance.utf8))
        }
        instanceMember = member
    }

    /// Whether so many records since the last one call for another.
    func isDue(recordCount: UInt64) -> Bool { recordCount >= rule.recordCount }

    /// Told after each round how many records no checkpoint covers.
    mutating func observe(uncovered: UInt64, now: UInt64) {
        if uncovered == 0 { deadline = nil } else if deadline == nil { deadline = now + rule.intervalMilliseconds }
    }

    /// The time has passed without success: the next try comes an interval later.
    mutating func postpone(now: UInt64) { deadline = now + rule.intervalMilliseconds }

    /// The body of a checkpoint at this place; nil where libcrypto failed.
    func body(at chain: AuditChain, time: Int64) -> [UInt8]? {
        let time = RFC3339.string(milliseconds: time)
        let text = AuditSignedText.bytes(sequence: chain.nextSequence, time: time, previous: chain.previous)
        guard let signature = signer.sign(text) else { return nil }
        var body: [UInt8] = []
        JSONCursor.append(to: &body, expecting: 512 + instanceMember.count) { cursor in
            cursor.raw(",\"time\":\"")
            cursor.raw(Array(time.utf8))
            cursor.raw("\",\"stage\":\"checkpoint\"")
            cursor.raw(instanceMember)
            cursor.raw(",\"checkpoint\":{\"algorithm\":\"")
            cursor.raw(Array(signer.algorithm.rawValue.utf8))
            cursor.raw("\",\"keyId\":\"")
            cursor.raw(Array(signer.keyID.utf8))
            cursor.raw("\",\"signature\":\"")
            cursor.raw(AuditCheckpointer.hex(signature))
            cursor.raw("\"}")
        }
        return body
    }

    private static func hex(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte in [byte >> 4, byte & 15].map { $0 < 10 ? 0x30 + $0 : 0x57 + $0 } }
    }
}

import Digests

/// The first thing that is wrong with a trail.
public struct AuditFinding: Sendable, Equatable {
    public enum Fault: Sendable, Equatable {
        /// The line is no record, or its hash is not the hash of its bytes.
        case edited
        /// Records from `sequence` up to this one are not there.
        case missing(last: UInt64)
        /// The record stands later, at this line of this file (counted from 0); another stands in its place.
        case swapped(file: Int, line: UInt64)
        /// A record that has been seen before stands here again.
        case repeated
        /// The line is whole, but its `prev` is not the hash of the record before it: one of the two was replaced.
        case unlinked
        /// The file ends in the middle of the line.
        case cutOff
        /// The trail ends before this record, though a checkpoint that is kept beside it is of record `last`.
        case endMissing(last: UInt64)
        /// A checkpoint that none of the keys signed.
        case badSignature
        /// Another record stands where the checkpoint that is kept beside the trail should be.
        case otherCheckpoint
        /// Keys were given, but there is no checkpoint.
        case unsigned
    }

    public var fault: Fault
    /// The `seq` of the bad record.
    public var sequence: UInt64
    /// Index of the file in the order given, from 0.
    public var file: Int
    /// Line in that file, from 1.
    public var line: UInt64
}

/// Checks the chain of a trail as its bytes come in, over any number of files. No state grows with the trail.
///
/// It stops judging at the first fault, but goes on reading after a gap, because only a later record tells a swap from a loss.
public struct AuditVerifier {
    /// Where a trail may begin.
    public enum Start: Sendable {
        /// With the very first record, `seq` 1.
        case first
        /// With any: older files are not at hand.
        case anywhere
    }

    public private(set) var finding: AuditFinding?
    /// Records read, whole and good.
    public private(set) var recordCount: UInt64 = 0
    public private(set) var byteCount: UInt64 = 0
    /// The first record's `seq`; nil before it.
    public private(set) var firstSequence: UInt64?
    /// What a record after the last one would have.
    public private(set) var chain = AuditChain()

    /// Checkpoints among the records, and the last of them.
    public private(set) var checkpointCount: UInt64 = 0
    public private(set) var lastCheckpoint: AuditCheckpoint?

    private let start: Start
    private let keys: [AuditVerificationKey]
    private let kept: AuditCheckpoint?
    private let context: SHA256Context
    private var file = 0
    private var line: UInt64 = 1
    /// Lines in the file that ended last.
    private var lastLine: UInt64 = 0
    /// The beginning of a line whose end is in the next chunk.
    private var partial: [UInt8] = []
    /// Waiting to learn whether the records missing at `finding` stand later on.
    private var isInGap = false

    /// A line longer than this is no record, in bytes.
    public static let longestLine = 1 << 20

    /// - Parameters:
    ///   - keys: with any, each checkpoint must be signed by one of them, and there must be one.
    ///   - kept: a checkpoint that was kept elsewhere: the trail must hold it, or begin later.
    public init(start: Start = .first, keys: [AuditVerificationKey] = [], kept: AuditCheckpoint? = nil) throws(DigestError) {
        self.start = start
        self.keys = keys
        self.kept = kept
        context = try SHA256Context()
    }

    /// Whether more bytes can change the result.
    public var isDecided: Bool { finding != nil && !isInGap }

    /// The next bytes of the current file, in pieces of any size.
    public mutating func consume(_ bytes: UnsafeRawBufferPointer) {
        byteCount += UInt64(bytes.count)
        var index = 0
        while index < bytes.count, !isDecided {
            guard let feed = LineFeed.first(in: bytes, from: index) else {
                partial.append(contentsOf: bytes[index...])
                if partial.count > AuditVerifier.longestLine { report(.edited) }
                return
            }
            let text = UnsafeRawBufferPointer(rebasing: bytes[index..<feed])
            if partial.isEmpty {
                check(text)
            } else {
                partial.append(contentsOf: text)
                let whole = partial
                partial.removeAll(keepingCapacity: true)
                whole.withUnsafeBytes { check($0) }
            }
            line += 1
            index = feed + 1
        }
    }

    /// The end of the current file; the next bytes are of the next one.
    public mutating func endFile() {
        if !partial.isEmpty, !isDecided { report(.cutOff) }
        partial.removeAll()
        lastLine = line - 1
        file += 1
        line = 1
    }

    /// The end of the last file. What must stand in a trail and does not is found now.
    public mutating func finish() {
        guard finding == nil else { return }
        let last = chain.nextSequence - 1
        if let kept, kept.sequence > last, start == .first || firstSequence != nil {
            finding = AuditFinding(fault: .endMissing(last: kept.sequence), sequence: last + 1, file: max(0, file - 1), line: lastLine + 1)
        } else if !keys.isEmpty, checkpointCount == 0, recordCount > 0 {
            finding = AuditFinding(fault: .unsigned, sequence: last, file: max(0, file - 1), line: lastLine)
        }
    }

    private mutating func check(_ text: UnsafeRawBufferPointer) {
        guard let record = AuditLine(text) else { return report(.edited) }
        if isInGap { return search(record) }
        guard record.isIntact(in: text, with: context) else { return report(.edited) }
        if firstSequence == nil {
            firstSequence = record.sequence
            if case .anywhere = start { chain = AuditChain(nextSequence: record.sequence, previous: record.previous) }
        }
        if record.sequence > chain.nextSequence {
            report(.missing(last: record.sequence - 1))
            isInGap = true
        } else if record.sequence < chain.nextSequence {
            finding = AuditFinding(fault: .repeated, sequence: record.sequence, file: file, line: line)
        } else if record.previous != chain.previous {
            report(.unlinked)
        } else {
            chain = AuditChain(nextSequence: record.sequence + 1, previous: record.hash)
            recordCount += 1
            checkSignature(record, text)
        }
    }

    private mutating func checkSignature(_ record: AuditLine, _ text: UnsafeRawBufferPointer) {
        let isWrong = kept?.sequence == record.sequence && kept?.hash != record.hash
        if isWrong { finding = AuditFinding(fault: .otherCheckpoint, sequence: record.sequence, file: file, line: line) }
        guard !isWrong, AuditCheckpoint.stands(in: text, record) else { return }
        let checkpoint = AuditCheckpoint(text)
        if !keys.isEmpty, checkpoint?.isSigned(by: keys) != true {
            finding = AuditFinding(fault: .badSignature, sequence: record.sequence, file: file, line: line)
            return
        }
        checkpointCount += 1
        lastCheckpoint = checkpoint
    }

    private mutating func search(_ record: AuditLine) {
        guard let found = finding, record.sequence == found.sequence else { return }
        finding?.fault = .swapped(file: file, line: line)
        isInGap = false
    }

    private mutating func report(_ fault: AuditFinding.Fault) {
        guard finding == nil else { return }
        finding = AuditFinding(fault: fault, sequence: chain.nextSequence, file: file, line: line)
    }
}

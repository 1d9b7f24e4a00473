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

    private let start: Start
    private let context: SHA256Context
    private var file = 0
    private var line: UInt64 = 1
    /// The beginning of a line whose end is in the next chunk.
    private var partial: [UInt8] = []
    /// Waiting to learn whether the records missing at `finding` stand later on.
    private var isInGap = false

    /// A line longer than this is no record, in bytes.
    public static let longestLine = 1 << 20

    public init(start: Start = .first) throws(DigestError) {
        self.start = start
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
        file += 1
        line = 1
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
        }
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

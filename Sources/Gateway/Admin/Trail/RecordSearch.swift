import GatewayCore
import Glibc

/// Looks for the newest records of a trail that match, backwards from its end, within bounds: what stands farther back is for
/// `countersign audit query`.
///
/// Blocks on the disk; not for an event loop.
struct RecordSearch {
    struct Result: Sendable {
        /// As they stand in the trail, newest first.
        var lines: [String] = []
        var searchedCount = 0
        /// Whether there was nothing older to look at.
        var reachedStart = false
    }

    /// Records that are looked at, and bytes that are read, at most.
    static let searchLimit = 10_000
    private static let byteLimit = 32 << 20
    private static let pieceByteCount = 256 << 10
    /// A compressed file has to be read from its start; a larger one is not looked at, in bytes.
    private static let compressedByteLimit = 4 << 20

    let filter: AuditFilter
    /// Bytes that a record must contain; empty for all.
    let text: [UInt8]
    let limit: Int

    private var result = Result()
    private var bytesLeft = RecordSearch.byteLimit

    init(filter: AuditFilter, text: [UInt8], limit: Int) {
        self.filter = filter
        self.text = text
        self.limit = limit
    }

    /// - Parameter position: how far the trail is on disk.
    consuming func run(path: String, position: AuditPosition) -> Result {
        var first: UInt64?
        if let (live, identity) = ShipFile.open(path) {
            defer { close(live) }
            // Of another file than the one that is written to (it was just rotated), the one before is not passed over below.
            if identity == position.identity { first = read(live, size: position.size) }
        }
        // Only now, because it opens every file of the trail.
        if !isDone { readOlder(ShipDirectory(path: path), before: first, position) }
        return result
    }

    private var isDone: Bool { result.lines.count >= limit || result.searchedCount >= Self.searchLimit || bytesLeft <= 0 }

    private mutating func readOlder(_ directory: ShipDirectory, before first: UInt64?, _ position: AuditPosition) {
        var next = first
        // In the moment of a rotation the file that is written to may lie under another name than the live one.
        for listed in directory.catalog().newestFirst {
            // A file and its compressed copy begin alike, and the live one has been read.
            guard !(listed.isLive && first != nil), let begin = listed.first?.sequence, next.map({ begin < $0 }) ?? true else { continue }
            if isDone { return }
            if listed.isCompressed {
                guard listed.size <= Self.compressedByteLimit, let opened = directory.open(listed) else { return }
                var lines: [[UInt8]] = []
                while let line = opened.nextLine(limit: .max, { Array($0) }) { lines.append(line) }
                for line in lines.reversed() where !isDone { line.withUnsafeBytes { look($0) } }
            } else {
                guard let descriptor = directory.descriptor(listed) else { return }
                defer { close(descriptor) }
                _ = read(descriptor, size: listed.identity == position.identity ? position.size : listed.size)
            }
            next = begin
        }
        result.reachedStart = !isDone
    }

    /// Reads a file from its end to its start or until enough is found; the `seq` of the last record looked at.
    private mutating func read(_ descriptor: Int32, size: Int) -> UInt64? {
        var sequence: UInt64?
        var end = size
        // The start of a line whose beginning lies in the piece before.
        var carried: [UInt8] = []
        while end > 0, !isDone {
            let start = max(0, end - Self.pieceByteCount)
            var piece = [UInt8](repeating: 0, count: end - start)
            let count = piece.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(start)) }
            guard count == piece.count else { return sequence }
            bytesLeft -= count
            end = start
            piece += carried
            carried = []
            piece.withUnsafeBytes { bytes in
                var starts = start == 0 ? [0] : []
                var feed = -1
                while let next = bytes.offset(of: 0x0A, from: feed + 1) {
                    starts.append(next + 1)
                    feed = next
                }
                var stop = bytes.count
                for start in starts.reversed() where !isDone {
                    let line = UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, stop)])
                    stop = start - 1
                    if let record = AuditLine(line) { sequence = record.sequence }
                    look(line)
                }
                if start > 0, !isDone { carried = Array(bytes[..<max(0, stop)]) }
            }
            if carried.count > AuditVerifier.longestLine { return sequence }
        }
        return sequence
    }

    private mutating func look(_ line: UnsafeRawBufferPointer) {
        guard !line.isEmpty else { return }
        result.searchedCount += 1
        if !text.isEmpty, !text.withUnsafeBytes({ line.contains(text: $0) }) { return }
        guard let fields = AuditFields(line), filter.matches(fields), filter.stage != nil || fields.stage != "checkpoint" else { return }
        result.lines.append(String(decoding: line, as: UTF8.self))
    }
}

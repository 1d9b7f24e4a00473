import GatewayCore
import Glibc

/// Reads the records of a trail one after the other, from a cursor on, over rotated and compressed files to the live one.
///
/// The file in hand is followed by its descriptor, so renaming it changes nothing; it is left only once the writer has left it. The next one
/// is the file whose first record names our last one as its predecessor.
final class ShipReader {
    enum Step: Equatable {
        /// So many records were read.
        case records(Int)
        /// Nothing to read before the trail grows.
        case end
        /// A file that should follow is not there; look again a little later.
        case waiting
    }

    /// Behind the last record read.
    private(set) var cursor: ShipCursor
    /// Places where no file continued the chain; see `ShipStatus.gaps`.
    private(set) var gaps: UInt64 = 0
    private(set) var skipped: UInt64 = 0

    private let directory: ShipDirectory
    private var file: ShipFile?
    /// The first record of `file`.
    private var firstSequence: UInt64 = 0
    private var gapSince: UInt64?
    private var catalog: (identity: UInt64, catalog: ShipCatalog)?

    /// Files are renamed one after the other while logs rotate; a gap counts as one when it has lasted this long, in milliseconds.
    private static let gapPatience: UInt64 = 3000

    init(path: String, cursor: ShipCursor) {
        directory = ShipDirectory(path: path)
        self.cursor = cursor
    }

    /// Goes on from another place.
    func seek(to cursor: ShipCursor) {
        if file != nil, cursor == self.cursor { return }
        // The usual case: a little way back in the file in hand.
        if let file, file.identity == cursor.identity, cursor.sequence > 0, file.seek(to: cursor.offset, behind: cursor.hash) {
            self.cursor = cursor
            return
        }
        file = nil
        self.cursor = cursor
    }

    /// Calls `body` with records in order until it returns false or nothing is left.
    ///
    /// - Parameters:
    ///   - position: how far the trail is on disk, as known before this call.
    ///   - now: milliseconds on a clock that never goes back.
    func read(upTo position: AuditPosition, now: UInt64, _ body: (ShipRecord, UnsafeRawBufferPointer) -> Bool) -> Step {
        if file?.isCut == true { file = nil }
        guard let file = file ?? locate(now: now) else { return gapSince == nil ? .end : .waiting }
        let limit = file.identity == position.identity ? position.size : .max
        var count = 0
        while true {
            // What is to be done with a line: nil for no record, else whether to go on.
            let verdict: Bool?? = file.nextLine(limit: limit) { bytes in
                guard let record = ShipRecord(bytes) else { return nil }
                cursor = ShipCursor(sequence: record.line.sequence, hash: record.line.hash, identity: file.identity, offset: 0)
                return body(record, bytes)
            }
            guard let verdict else { break }
            cursor.identity = file.identity
            cursor.offset = file.offset
            guard let goesOn = verdict else {
                skipped += 1
                continue
            }
            count += 1
            if !goesOn { return .records(count) }
        }
        if count > 0 { return .records(count) }
        guard file.identity != position.identity else { return .end }
        return advance(from: file, now: now) ? read(upTo: position, now: now, body) : (gapSince == nil ? .end : .waiting)
    }

    /// When the next record was made, in milliseconds since 1970; nil where there is none or it does not say. Reads nothing away.
    func peekTime(upTo position: AuditPosition, now: UInt64) -> Int64? {
        guard let file = file ?? locate(now: now) else { return nil }
        let limit = file.identity == position.identity ? position.size : .max
        let time: Int64?? = file.nextLine(limit: limit, consuming: false) { ShipReader.time($0) }
        if let time { return time }
        guard file.identity != position.identity, advance(from: file, now: now), let next = self.file else { return nil }
        return next.nextLine(limit: next.identity == position.identity ? position.size : .max, consuming: false) { ShipReader.time($0) }
            ?? nil
    }

    /// Bytes of records that have not been read.
    func bytesLeft(upTo position: AuditPosition) -> Int {
        guard let file else { return 0 }
        if file.identity == position.identity { return max(0, position.size - file.offset) }
        if catalog?.identity != position.identity { catalog = (position.identity, directory.catalog()) }
        let here = file.isCompressed ? file.size : max(0, file.size - file.offset)
        return here + (catalog?.catalog.byteCount(after: firstSequence) ?? 0) + position.size
    }

    static func time(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        ShipRecord(bytes).flatMap { RFC3339.parse(bytes[$0.time]) }
    }

    // MARK: - Files

    /// Opens the file that holds the cursor, or the one that follows it. Nil where there is none, or a gap may still close.
    private func locate(now: UInt64) -> ShipFile? {
        let catalog = directory.catalog()
        if cursor.sequence > 0 {
            for candidate in catalog.candidates(for: cursor) {
                guard let opened = directory.open(candidate) else { continue }
                let isHere = candidate.identity == cursor.identity && opened.seek(to: cursor.offset, behind: cursor.hash)
                guard isHere || opened.seek(behind: cursor.sequence, cursor.hash) else { continue }
                return take(opened, candidate)
            }
        }
        return follow(catalog, now: now)
    }

    /// Leaves a file that the writer has left and that is read to its end.
    private func advance(from file: ShipFile, now: UInt64) -> Bool { follow(directory.catalog(), leaving: file, now: now) != nil }

    private func follow(_ catalog: ShipCatalog, leaving current: ShipFile? = nil, now: UInt64) -> ShipFile? {
        guard let next = catalog.successor(after: cursor.sequence, cursor.hash), next.file.identity != current?.identity else {
            gapSince = nil
            return nil
        }
        if next.isGap {
            let since = gapSince ?? now
            gapSince = since
            guard now >= since + ShipReader.gapPatience else { return nil }
        }
        guard let opened = directory.open(next.file) else {
            // It was renamed between the look and the opening.
            gapSince = gapSince ?? now
            return nil
        }
        if next.isGap { gaps += 1 }
        return take(opened, next.file)
    }

    private func take(_ opened: ShipFile, _ listed: ShipCatalog.File) -> ShipFile {
        gapSince = nil
        catalog = nil
        file = opened
        firstSequence = listed.first?.sequence ?? 0
        return opened
    }
}

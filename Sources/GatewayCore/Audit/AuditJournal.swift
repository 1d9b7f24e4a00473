import Digests

/// The one writer of a trail: it orders and chains records, writes each round as one run of bytes, and decides what a failure means.
///
/// A value without clock or descriptor: `now` is milliseconds on a clock that never goes back. A round is written whole or not at all;
/// after a failure the file ends with the last record before it, and the chain goes back to there.
public struct AuditJournal<File: AuditFile> {
    public private(set) var status = AuditStatus.writable
    public private(set) var counters = AuditCounters()
    /// The place of the next record.
    public private(set) var chain: AuditChain

    private var file: File
    private let sync: AuditSync
    private let context: SHA256Context
    /// The size that the file has if nobody else changed it.
    private var size: Int
    /// The `seq` of the last checkpoint.
    private var signed: UInt64
    private var checkpointer: AuditCheckpointer?
    /// The last checkpoint, until `takeCheckpoint`.
    private var newCheckpoint: [UInt8]?
    /// As of the last successful sync: where a failed one leads back to. With `sync: never`, as of the last write.
    private var synced: Place
    /// Rounds written but not synced. A failed `fdatasync` may have dropped their pages, and the kernel reports that once only, so they
    /// are written again rather than synced again. Always empty with `sync: never`.
    private var unsynced: [AuditBatch] = []
    private var unsyncedByteCount = 0
    private var unsyncedSince: UInt64?
    private var syncDeadline: UInt64?
    /// Records of requests that went on already, to be written first.
    private var owed = AuditBatch()
    private var notes: AuditNotes
    private var nextProbe: UInt64 = 0
    /// Whether the open file can no longer be trusted (torn, unlinked, failed to sync) and the path has to be opened anew.
    private var needsReopening = false
    /// Where the file should have been cut when cutting it failed too, and which file that was.
    private var owedCut: (length: Int, identity: UInt64)?
    private var identity: UInt64
    private var lines: [UInt8] = []

    /// How far the trail has come.
    private struct Place {
        var chain: AuditChain
        var size: Int
        var signed: UInt64
        /// When its last record was written; nil where that is not known.
        var written: Int64?
    }

    private var place: Place { Place(chain: chain, size: size, signed: signed, written: written) }

    /// What to add to `now` for the time of day (milliseconds since 1970), which may jump; for the times of checkpoints.
    public var timeOfDayOffset: Int64 = 0
    /// The time of the file's first record; nil where there is none.
    public private(set) var begun: Int64?
    /// The time of the last record written.
    private var written: Int64?

    /// Between a failure and the next try, in milliseconds.
    public static var probeInterval: UInt64 { 200 }
    /// Longest time that written records stay unsynced, with `always` (outcomes, which nobody waits for) and `interval`, in milliseconds.
    public static var syncInterval: UInt64 { 1000 }
    /// A sync is made earlier when this much is unsynced, in bytes; also the bound for what is owed.
    public static var heldByteLimit: Int { 8 << 20 }

    /// - Parameter lastCheckpoint: the `seq` of the last checkpoint, where the trail is known to end with it.
    public init(
        file: File, opening: AuditOpening, sync: AuditSync, checkpoint: (rule: AuditCheckpointRule, instance: String)? = nil,
        lastCheckpoint: UInt64 = 0
    ) throws(AuditJournalError) {
        self.file = file
        self.sync = sync
        do throws(DigestError) { context = try SHA256Context() } catch { throw .digest(error) }
        do throws(AuditSigner.BadKey) {
            if let checkpoint { checkpointer = try AuditCheckpointer(rule: checkpoint.rule, instance: checkpoint.instance) }
        } catch {
            throw .key(error)
        }
        chain = opening.chain ?? AuditChain()
        size = opening.size
        identity = opening.identity
        begun = opening.begun
        written = opening.ended
        signed = lastCheckpoint
        synced = Place(chain: chain, size: size, signed: signed, written: written)
        notes = AuditNotes(opening.notes)
    }

    /// Writes what is owed and then all of `batches`, and with `sync: always` makes it durable if anybody waits for it.
    /// The verdict holds for every awaited record of the round.
    public mutating func commit(_ batches: [AuditBatch], now: UInt64) -> AuditVerdict {
        if case .unwritable(let reason) = status, now < nextProbe || !recover(now: now) {
            keep(batches)
            if case .unwritable(let newest) = status { return .failed(reason: newest) }
            return .failed(reason: reason)
        }
        return writeRound(batches, now: now)
    }

    /// Does what is due by time: a sync, or a try to write again. Call it when `deadline` has come; calling it more often does no harm.
    public mutating func tick(now: UInt64) {
        switch status {
        case .unwritable:
            if now >= nextProbe { _ = recover(now: now) }
        case .writable:
            if let due = checkpointer?.deadline, now >= due { sign(now: now) }
            if let syncDeadline, now >= syncDeadline { _ = synchronize(now: now) }
        }
    }

    /// When `tick` has something to do next; nil for never.
    public var deadline: UInt64? {
        if case .unwritable = status { return nextProbe }
        guard let signing = checkpointer?.deadline else { return syncDeadline }
        return min(signing, syncDeadline ?? signing)
    }

    /// How far the trail is on disk (with `sync: never`: written): no failure takes that back.
    public var position: AuditPosition {
        AuditPosition(identity: identity, size: synced.size, sequence: synced.chain.nextSequence - 1, time: synced.written)
    }

    /// When the oldest record was accepted that is kept and not yet on disk (with `sync: never`: not yet written), by its batch's
    /// `acceptedAt`; nil where all are.
    public var oldestPending: UInt64? { AuditBatch.earlier(owed.acceptedAt, unsyncedSince) }

    /// The size of the file that is written to, in bytes.
    public var byteCount: Int { size }

    /// The line of a checkpoint that is on disk (with `sync: never`: that is written), once.
    public mutating func takeCheckpoint() -> [UInt8]? {
        defer { newCheckpoint = nil }
        return newCheckpoint
    }

    /// Begins a new file and leaves the old one, which a checkpoint ends, under its path with `suffix`. Only while `status` is `writable`;
    /// on an error the old file stays in use.
    public mutating func rotate(to suffix: String, now: UInt64) throws(AuditFileError) {
        sign(now: now)
        if status == .writable, !unsynced.isEmpty { _ = synchronize(now: now) }
        if case .unwritable(let reason) = status { throw AuditFileError(call: "rotate", reason: reason) }
        adopt(try file.rotate(to: suffix))
    }

    /// Goes on in the file that the path names now (after logrotate moved the old one). On an error the old file stays in use.
    public mutating func reopen(now: UInt64) throws(AuditFileError) {
        if case .unwritable = status {
            needsReopening = true
            _ = recover(now: now)
            return
        }
        if !unsynced.isEmpty, !synchronize(now: now) { return }
        file.expect(chain)
        adopt(try file.reopen())
    }

    /// Writes what is owed and syncs (unless `never`), before the end of the process. Whether nothing stayed behind.
    public mutating func finish(now: UInt64) -> Bool {
        if case .unwritable = status, !recover(now: now) { return owed.isEmpty }
        sign(now: now)
        if case .unwritable = status { return owed.isEmpty }
        return unsynced.isEmpty || synchronize(now: now)
    }

    /// Has the next record say that so many refusals found no room on their way to the journal.
    public mutating func noteDroppedRefusals(_ count: UInt64) {
        notes.count(refusals: count)
        counters.droppedRefusals += count
    }

    /// Closes the file. Nothing can be written afterwards.
    public mutating func release() { file.release() }

    // MARK: - One round

    private mutating func writeRound(_ batches: [AuditBatch], now: UInt64, shallSign: Bool = false) -> AuditVerdict {
        if batches.isEmpty, owed.isEmpty, !shallSign { return .written }
        do {
            try checkFile()
        } catch {
            keep(batches)
            return fail(error, now: now)
        }
        let start = place
        let isSigned: Bool
        do {
            isSigned = seal(batches, now: now, shallSign: shallSign)
            try writeLines()
        } catch {
            chain = start.chain
            signed = start.signed
            cut(to: start.size)
            keep(batches)
            return fail(error, now: now)
        }
        counters.records += chain.nextSequence - start.chain.nextSequence
        counters.bytes += UInt64(size - start.size)
        counters.commits += 1
        written = timeOfDay(now)
        if begun == nil { begun = written }
        notes.areWritten(untilSynced: sync != .never)
        hold(batches, now: now)
        let isAwaited = sync == .always && batches.contains { $0.awaitedCount > 0 }
        // A checkpoint that is told of must not be lost, or the trail would look as if its end had been cut off.
        if isAwaited || unsyncedByteCount > Self.heldByteLimit || isSigned && sync != .never {
            if !synchronize(now: now), case .unwritable(let reason) = status { return .failed(reason: reason) }
        }
        if isSigned { newCheckpoint = lastLine }
        checkpointer?.observe(uncovered: chain.nextSequence - 1 - signed, now: now)
        return .written
    }

    /// Signs what no checkpoint covers yet.
    private mutating func sign(now: UInt64) {
        guard checkpointer != nil, status == .writable, chain.nextSequence - 1 > signed else { return }
        // A round may have failed, or libcrypto.
        if writeRound([], now: now, shallSign: true) != .written || chain.nextSequence - 1 != signed { checkpointer?.postpone(now: now) }
    }

    private func timeOfDay(_ now: UInt64) -> Int64 { Int64(clamping: now) + timeOfDayOffset }

    private var lastLine: [UInt8] {
        let start = lines.dropLast().lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return Array(lines[start...])
    }

    /// A file that was deleted takes writes without complaint, and one that somebody else cut or wrote to breaks the chain.
    private mutating func checkFile() throws(AuditFileError) {
        file.expect(chain)
        let state = try file.inspect()
        notes.append(contentsOf: state.notes)
        if !state.isLinked {
            notes.append("the file was removed while in use; this one continues it")
            // What was not synced is in nobody's hands any more: it goes into the new file.
            chain = synced.chain
            signed = synced.signed
            keepUnsynced()
            needsReopening = true
            file.expect(chain)
            adopt(try file.reopen())
        } else if state.size != size {
            notes.append("another process changed the size of the file from \(size) to \(state.size)")
            synced.size += state.size - size
            size = state.size
        }
    }

    /// Whether the last of the lines is a checkpoint.
    private mutating func seal(_ batches: [AuditBatch], now: UInt64, shallSign: Bool) -> Bool {
        lines.removeAll(keepingCapacity: true)
        var note = notes.text
        seal(owed, &note)
        for batch in batches { seal(batch, &note) }
        guard let checkpointer, shallSign || checkpointer.isDue(recordCount: chain.nextSequence - 1 - signed),
            let body = checkpointer.body(at: chain, time: timeOfDay(now))
        else { return false }
        signed = chain.nextSequence
        body.withUnsafeBytes { chain.seal($0, note: note, with: context, into: &lines) }
        return true
    }

    private mutating func seal(_ batch: AuditBatch, _ note: inout String?) {
        batch.visit { body, _ in
            chain.seal(body, note: note, with: context, into: &lines)
            note = nil
        }
    }

    private mutating func writeLines() throws(AuditFileError) {
        // A zero in place of a digest would chain records that prove nothing.
        if context.hasFailed { throw AuditFileError(call: "sha256", reason: "libcrypto failed") }
        var offset = 0
        while offset < lines.count {
            let result = lines.withUnsafeBytes { bytes in
                Result { () throws(AuditFileError) in try file.write(UnsafeRawBufferPointer(rebasing: bytes[offset...])) }
            }
            let written = try result.get()
            guard written > 0 else { throw AuditFileError(call: "write", reason: "nothing was taken") }
            offset += written
        }
        size += lines.count
    }

    // MARK: - Sync

    private mutating func hold(_ batches: [AuditBatch], now: UInt64) {
        if sync != .never {
            for batch in CollectionOfOne(owed) + batches where !batch.isEmpty {
                unsynced.append(batch)
                unsyncedByteCount += batch.byteCount
                unsyncedSince = AuditBatch.earlier(unsyncedSince, batch.acceptedAt)
            }
            if syncDeadline == nil { syncDeadline = now + Self.syncInterval }
        } else {
            synced = place
        }
        owed = AuditBatch()
        counters.owed = 0
    }

    private mutating func synchronize(now: UInt64) -> Bool {
        do {
            try file.synchronize()
        } catch {
            // What was awaited in this round is refused; whatever else may be lost is written again, into new pages.
            chain = synced.chain
            signed = synced.signed
            keepUnsynced()
            cut(to: synced.size)
            needsReopening = true
            _ = fail(error, now: now)
            return false
        }
        counters.syncs += 1
        synced = place
        unsynced.removeAll(keepingCapacity: true)
        unsyncedByteCount = 0
        unsyncedSince = nil
        notes.areSynced()
        syncDeadline = nil
        return true
    }

    // MARK: - Failure and recovery

    private mutating func fail(_ error: AuditFileError, now: UInt64) -> AuditVerdict {
        counters.failures += 1
        nextProbe = now + Self.probeInterval
        status = .unwritable(reason: error.description)
        return .failed(reason: error.description)
    }

    /// Takes a torn or doubtful end off the file.
    private mutating func cut(to length: Int) {
        size = length
        if length == 0 { begun = nil }
        do {
            try file.truncate(to: length)
        } catch {
            owedCut = (length, identity)
            needsReopening = true
        }
    }

    private mutating func keepUnsynced() {
        let lost = unsynced
        unsynced.removeAll()
        unsyncedByteCount = 0
        unsyncedSince = nil
        syncDeadline = nil
        notes.takeBack()
        keep(lost)
    }

    /// Sorts the records of a round that failed by their duty.
    private mutating func keep(_ batches: [AuditBatch]) {
        for batch in batches {
            batch.visit { body, duty in
                switch duty {
                case .awaited: break
                case .optional:
                    notes.count(refusals: 1)
                    counters.droppedRefusals += 1
                case .owed:
                    if owed.byteCount + body.count <= Self.heldByteLimit {
                        owed.append(body: body, duty: .owed)
                        owed.acceptedAt = AuditBatch.earlier(owed.acceptedAt, batch.acceptedAt)
                    } else {
                        notes.count(outcomes: 1)
                        counters.droppedOutcomes += 1
                    }
                }
            }
        }
        counters.owed = UInt64(owed.count)
    }

    private mutating func recover(now: UInt64) -> Bool {
        file.expect(chain)
        do {
            if needsReopening { adopt(try file.reopen()) }
            if let (length, owner) = owedCut {
                // Another file in its place is not ours to cut.
                if owner == identity, size > length {
                    try file.truncate(to: length)
                    size = length
                    synced.size = length
                }
                owedCut = nil
            }
            try file.probe()
        } catch {
            nextProbe = now + Self.probeInterval
            status = .unwritable(reason: error.description)
            return false
        }
        status = .writable
        return writeRound([], now: now) == .written
    }

    private mutating func adopt(_ opening: AuditOpening) {
        needsReopening = false
        notes.append(contentsOf: opening.notes)
        if let found = opening.chain, found != chain, owedCut == nil {
            notes.append("this file ended with record \(found.nextSequence - 1), not with the predecessor of this one")
        }
        size = opening.size
        identity = opening.identity
        begun = opening.begun
        synced = place
    }
}

/// Why a journal cannot be made.
public enum AuditJournalError: Error, Equatable {
    case digest(DigestError)
    case key(AuditSigner.BadKey)
}

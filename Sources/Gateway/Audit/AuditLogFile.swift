import Digests
import GatewayCore
import Glibc

/// The file of a trail: `O_APPEND`, mode 0600, locked with `flock` so that no second process writes to it.
///
/// Used by the writer thread alone.
struct AuditLogFile: AuditFile {
    let path: String
    private var descriptor: Int32 = -1
    private let context: SHA256Context

    /// Opens nothing yet: `reopen` does.
    init(path: String) throws(DigestError) {
        self.path = path
        context = try SHA256Context()
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(AuditFileError) -> Int {
        try call("write") { Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    }

    mutating func synchronize() throws(AuditFileError) {
        _ = try call("fdatasync") { Int(fdatasync(descriptor)) }
    }

    mutating func truncate(to size: Int) throws(AuditFileError) {
        _ = try call("ftruncate") { Int(ftruncate(descriptor, off_t(size))) }
    }

    mutating func inspect() throws(AuditFileError) -> AuditFileState {
        let status = try AuditLogFile.status(of: descriptor)
        return AuditFileState(size: Int(status.st_size), isLinked: status.st_nlink > 0)
    }

    /// Takes room for a moment in a nameless file on the same file system. Where the directory allows no new file, the next record is the
    /// probe.
    mutating func probe() throws(AuditFileError) {
        let name = path + ".probe"
        let trial = Glibc.open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard trial >= 0 else {
            if errno == EACCES || errno == EPERM { return }
            throw AuditFileError(errno, call: "open")
        }
        unlink(name)
        defer { Glibc.close(trial) }
        let code = posix_fallocate(trial, 0, off_t(AuditLogFile.probeByteCount))
        if code != 0, code != EINTR { throw AuditFileError(code, call: "fallocate") }
    }

    mutating func reopen() throws(AuditFileError) -> AuditOpening {
        if descriptor >= 0, let same = sameFile() { return try mend(descriptor, same) }
        let opened = try AuditLogFile.open(path)
        do {
            let status = try AuditLogFile.status(of: opened)
            let opening = try mend(opened, status)
            if status.st_size == 0 { syncDirectory() }
            release()
            descriptor = opened
            return opening
        } catch {
            AuditLogFile.unlockAndClose(opened)
            throw error
        }
    }

    /// The new file is made and locked under another name first, so that at no time a failure leaves the path without a file that is ours.
    /// After a crash between the two renames the path is missing, and the next start goes on behind the rotated file.
    mutating func rotate(to suffix: String) throws(AuditFileError) -> AuditOpening {
        // Somebody else is rotating just now.
        guard descriptor >= 0, sameFile() != nil else { return try reopen() }
        let rotated = path + suffix
        var status = stat()
        guard lstat(rotated, &status) != 0, lstat(rotated + ".gz", &status) != 0 else {
            throw AuditFileError(call: "rename", reason: "\(rotated) exists already")
        }
        let next = path + ".next"
        unlink(next)
        let opened = try AuditLogFile.open(next)
        do throws(AuditFileError) {
            let new = try AuditLogFile.status(of: opened)
            _ = try call("rename") { Int(rename(path, rotated)) }
            do throws(AuditFileError) {
                _ = try call("rename") { Int(rename(next, path)) }
            } catch {
                rename(rotated, path)
                throw error
            }
            syncDirectory()
            release()
            descriptor = opened
            return AuditOpening(size: 0, identity: UInt64(new.st_ino))
        } catch {
            AuditLogFile.unlockAndClose(opened)
            unlink(next)
            throw error
        }
    }

    func read(from offset: Int, count: Int) throws(AuditFileError) -> [UInt8] {
        try AuditTail.read(descriptor, from: offset, count: count)
    }

    /// Unlocks and closes the file.
    mutating func release() {
        if descriptor >= 0 { AuditLogFile.unlockAndClose(descriptor) }
        descriptor = -1
    }

    /// To close is not enough: a program that this process has just started (`credential_process`) holds a copy of the descriptor until it
    /// runs, and with it the lock (flock(2): all copies must be closed, or one of them unlocked).
    private static func unlockAndClose(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    /// Room for a good hundred records.
    private static let probeByteCount = 64 << 10

    /// The status of the open file if the path still leads to it. A second `flock` of the same file would shut us out of our own.
    private func sameFile() -> stat? {
        var named = stat()
        guard stat(path, &named) == 0, let own = try? AuditLogFile.status(of: descriptor) else { return nil }
        return named.st_ino == own.st_ino && named.st_dev == own.st_dev ? own : nil
    }

    private static func open(_ path: String) throws(AuditFileError) -> Int32 {
        let opened = Int32(truncatingIfNeeded: try call("open") { Int(Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)) })
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let error =
                isTaken ? AuditTrailError.anotherWriter : AuditFileError(errno, call: "flock")
            Glibc.close(opened)
            throw error
        }
        return opened
    }

    private static func status(of descriptor: Int32) throws(AuditFileError) -> stat {
        var status = stat()
        _ = try call("fstat") { Int(fstat(descriptor, &status)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw AuditFileError(call: "open", reason: "not a regular file") }
        return status
    }

    /// Reads the end of the file, sets a torn piece aside and says where the chain stands.
    private func mend(_ descriptor: Int32, _ status: stat) throws(AuditFileError) -> AuditOpening {
        let size = Int(status.st_size)
        let (tail, offset) = try AuditTail.read(descriptor, size: size, with: context)
        var opening = AuditOpening(size: size, identity: UInt64(status.st_ino))
        switch tail {
        case .empty, .needsMore:
            opening.chain = AuditPredecessor(path: path).chain(with: context)
        case .torn:
            opening.notes.append(try setAside(descriptor, from: 0, to: size))
            opening.size = 0
            opening.chain = AuditPredecessor(path: path).chain(with: context)
        case .record(let sequence, let hash, let kept, let isEdited):
            opening.chain = AuditChain(nextSequence: sequence + 1, previous: hash)
            opening.size = offset + kept
            if opening.size < size { opening.notes.append(try setAside(descriptor, from: opening.size, to: size)) }
            if isEdited { opening.notes.append("record \(sequence), the last one of the file as found, does not match its hash") }
            opening.begun = try firstTime(descriptor)
            opening.ended = try lastTime(descriptor, end: opening.size)
        }
        return opening
    }

    /// The time of the first record; nil where none stands in the first 64 KiB.
    private func firstTime(_ descriptor: Int32) throws(AuditFileError) -> Int64? {
        let head = try AuditTail.read(descriptor, from: 0, count: 64 << 10)
        guard let feed = head.firstIndex(of: 0x0A) else { return nil }
        return head[..<feed].withUnsafeBytes { AuditFields($0) }.flatMap { RFC3339.parse($0.time.utf8) }
    }

    /// The time of the record that ends at `end`; nil where it is larger than 64 KiB.
    private func lastTime(_ descriptor: Int32, end: Int) throws(AuditFileError) -> Int64? {
        let start = max(0, end - 64 << 10)
        let lines = try AuditTail.read(descriptor, from: start, count: end - start).dropLast()
        let feed = lines.lastIndex(of: 0x0A)
        guard feed != nil || start == 0 else { return nil }
        return Array(lines[(feed.map { $0 + 1 } ?? 0)...]).withUnsafeBytes { AuditFields($0) }.flatMap { RFC3339.parse($0.time.utf8) }
    }

    /// Moves bytes that are no whole record into a file of their own, which is on disk before they are cut off.
    private func setAside(_ descriptor: Int32, from start: Int, to end: Int) throws(AuditFileError) -> String {
        let torn = try AuditTail.read(descriptor, from: start, count: end - start)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = RFC3339.string(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
        let aside = path + ".torn-" + time.filter { $0 != "-" && $0 != ":" }
        let copy = Int32(
            truncatingIfNeeded: try call("open") { Int(Glibc.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)) })
        defer { Glibc.close(copy) }
        var offset = 0
        while offset < torn.count {
            offset += try call("write") {
                torn.withUnsafeBytes { Glibc.write(copy, $0.baseAddress?.advanced(by: offset), torn.count - offset) }
            }
        }
        _ = try call("fdatasync") { Int(fdatasync(copy)) }
        _ = try call("ftruncate") { Int(ftruncate(descriptor, off_t(start))) }
        return "\(torn.count) bytes of a torn record were set aside in \(aside.split(separator: "/").last ?? "")"
    }

    /// A new file is found after a power failure only if its directory is on disk too. Some file systems refuse; that is not our fault.
    private func syncDirectory() { AuditLogFile.syncDirectory(of: path) }

    static func syncDirectory(of path: String) {
        let directory = AuditPredecessor(path: path).directory
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        Glibc.close(descriptor)
    }
}

extension AuditFileError {
    /// From `errno`.
    init(_ code: Int32, call: StaticString) {
        self.init(call: call, reason: String(cString: strerror(code)))
    }
}

/// Repeats a call as long as a signal interrupts it.
private func call(_ name: StaticString, _ body: () -> Int) throws(AuditFileError) -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR { throw AuditFileError(errno, call: name) }
    }
}

extension AuditTail {
    /// The tail of a file and where in it the bytes that were looked at begin. Reads 64 KiB, and more where they hold no whole line.
    static func read(_ descriptor: Int32, size: Int, with context: SHA256Context) throws(AuditFileError) -> (AuditTail, offset: Int) {
        var window = 64 << 10
        while true {
            let offset = max(0, size - window)
            let bytes = try read(descriptor, from: offset, count: size - offset)
            let tail = bytes.withUnsafeBytes { AuditTail($0, isWholeFile: offset == 0, with: context) }
            if tail != .needsMore { return (tail, offset) }
            window *= 8
        }
    }

    static func read(_ descriptor: Int32, from offset: Int, count: Int) throws(AuditFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let taken = try call("read") {
                bytes.withUnsafeMutableBytes {
                    pread(descriptor, $0.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
                }
            }
            // Somebody cut the file meanwhile.
            if taken == 0 { return Array(bytes[..<filled]) }
            filled += taken
        }
        return bytes
    }
}

import Digests
import GatewayCore
import Glibc

/// One file of a trail, plain or gzip, read line by line from any place on. It stays readable when it is renamed or removed.
final class ShipFile {
    /// Its inode number.
    let identity: UInt64
    let isCompressed: Bool
    /// Bytes of content before the next line.
    private(set) var offset = 0
    private let descriptor: Int32
    private let inflater: AuditGzip?
    private var buffer: [UInt8] = []
    private var head = 0
    private var isSound = true

    private static let pieceByteCount = 64 << 10
    /// A longer line is no record, and what is behind it is not read.
    private static let longestLine = AuditVerifier.longestLine

    /// Nil where it is no regular file that can be read.
    init?(path: String, isCompressed: Bool) {
        guard let (opened, found) = ShipFile.open(path) else { return nil }
        guard let inflater = ShipFile.inflater(isCompressed) else {
            close(opened)
            return nil
        }
        descriptor = opened
        identity = found
        self.isCompressed = isCompressed
        self.inflater = inflater
    }

    deinit { close(descriptor) }

    /// A descriptor for reading, which the caller closes, and the inode number. Nil where it is no regular file that can be read.
    static func open(_ path: String) -> (descriptor: Int32, identity: UInt64)? {
        let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { return nil }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            return nil
        }
        return (opened, UInt64(status.st_ino))
    }

    /// Of what lies on disk, in bytes.
    var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Whether somebody has cut the file before the place where reading goes on.
    var isCut: Bool { !isCompressed && size < offset }

    /// Goes on behind `offset` bytes, where a record with `hash` must end. False, and at the start of the file, where it does not.
    func seek(to target: Int, behind hash: AuditHash) -> Bool {
        guard !isCompressed, target >= 67 else { return false }
        var end = [UInt8](repeating: 0, count: 67)
        let count = pread(descriptor, &end, end.count, off_t(target - end.count))
        guard count == end.count, end.suffix(3) == [0x22, 0x7D, 0x0A],
            end.withUnsafeBytes({ AuditHash(hex: .init(rebasing: $0[..<64])) }) == hash
        else { return false }
        buffer.removeAll(keepingCapacity: true)
        head = 0
        offset = target
        return true
    }

    /// Goes on behind the record with `sequence` and `hash`, searched from here. False where it is not in the file.
    func seek(behind sequence: UInt64, _ hash: AuditHash) -> Bool {
        while true {
            var found = false
            let isThere: Void? = nextLine(limit: .max) { bytes in
                if let line = AuditLine(bytes), line.sequence == sequence, line.hash == hash { found = true }
            }
            if found { return true }
            if isThere == nil { return false }
        }
    }

    /// Calls `body` with the next whole line (without its line feed) that ends at or before `limit`, and goes on behind it. Nil where there is
    /// none (yet).
    func nextLine<Result>(limit: Int, consuming: Bool = true, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        var searched = head
        while true {
            if let feed = lineFeed(from: searched) {
                let result = buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[head..<feed])) }
                if consuming {
                    offset += feed + 1 - head
                    head = feed + 1
                }
                return result
            }
            guard buffer.count - head <= ShipFile.longestLine else { return nil }
            buffer.removeFirst(head)
            head = 0
            searched = buffer.count
            guard fill(limit: limit) else { return nil }
        }
    }

    private func lineFeed(from start: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, start < bytes.count, let found = memchr(base + start, 0x0A, bytes.count - start) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    /// Adds the next piece of the file to the buffer; false at its end, and at `limit`.
    private func fill(limit: Int) -> Bool {
        guard isSound else { return false }
        let place = offset + buffer.count
        let wanted = min(ShipFile.pieceByteCount, limit - place)
        guard wanted > 0 else { return false }
        guard let inflater else {
            let before = buffer.count
            buffer.append(contentsOf: repeatElement(0, count: wanted))
            let count = buffer.withUnsafeMutableBytes { bytes in
                ShipFile.repeated { pread(descriptor, bytes.baseAddress?.advanced(by: before), wanted, off_t(place)) }
            }
            buffer.removeLast(wanted - max(0, count))
            return count > 0
        }
        var packed = [UInt8](repeating: 0, count: ShipFile.pieceByteCount)
        let before = buffer.count
        // A piece may hold nothing but a header, and then the next one is needed.
        while buffer.count == before {
            let count = packed.withUnsafeMutableBytes { bytes in ShipFile.repeated { readBytes(descriptor, bytes) } }
            guard count > 0 else { return false }
            let isWhole = packed.withUnsafeBytes { bytes in
                (try? inflater.consume(UnsafeRawBufferPointer(rebasing: bytes[..<count])) {
                    buffer.append(contentsOf: $0)
                    return true
                }) != nil
            }
            // What came before the damage still counts.
            if !isWhole { isSound = false }
            if !isSound { break }
        }
        return buffer.count > before
    }

    private static func inflater(_ isCompressed: Bool) -> AuditGzip?? {
        guard isCompressed else { return .some(nil) }
        guard let made = try? AuditGzip() else { return nil }
        return .some(made)
    }

    private static func repeated(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}

/// read(2), whose name means something else inside `ShipFile`.
private func readBytes(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
    read(descriptor, bytes.baseAddress, bytes.count)
}

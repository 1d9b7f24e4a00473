import CZlib
import GatewayCore
import Glibc

/// Makes `<file>.gz` of a file and takes the file away: the compressed copy is whole and on disk before that, at any moment.
enum AuditGzipWriter {
    private static let pieceByteCount = 256 << 10

    /// - Parameter isCancelled: asked now and then; once it says true, nothing has been done.
    /// - Returns: whether it was done.
    static func compress(_ path: String, isCancelled: () -> Bool) throws(AuditFileError) -> Bool {
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard source >= 0 else { throw AuditFileError(errno, call: "open") }
        defer { close(source) }
        let temporary = path + ".gz.tmp"
        unlink(temporary)
        let target = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw AuditFileError(errno, call: "open") }
        var isDone = false
        defer {
            close(target)
            if !isDone { unlink(temporary) }
        }
        guard try copy(source, target, isCancelled) else { return false }
        guard fsync(target) == 0 else { throw AuditFileError(errno, call: "fsync") }
        guard rename(temporary, path + ".gz") == 0 else { throw AuditFileError(errno, call: "rename") }
        isDone = true
        AuditLogFile.syncDirectory(of: path)
        unlink(path)
        return true
    }

    private static func copy(_ source: Int32, _ target: Int32, _ isCancelled: () -> Bool) throws(AuditFileError) -> Bool {
        // zlib keeps a pointer to the stream, so it must not move.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard countersign_deflate_init_gzip(stream) == Z_OK else { throw AuditFileError(call: "deflate", reason: "zlib failed") }
        defer { deflateEnd(stream) }
        var output = [UInt8](repeating: 0, count: pieceByteCount)
        var offset = 0
        while true {
            if isCancelled() { return false }
            var piece = try AuditTail.read(source, from: offset, count: pieceByteCount)
            offset += piece.count
            let isLast = piece.count < pieceByteCount
            var isFinished = false
            repeat {
                let capacity = output.count
                let consumed = piece.count
                let (code, left, count) = piece.withUnsafeMutableBytes { input in
                    output.withUnsafeMutableBytes { room in
                        stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
                        stream.pointee.avail_in = UInt32(consumed)
                        stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                        stream.pointee.avail_out = UInt32(capacity)
                        let code = deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                        return (code, Int(stream.pointee.avail_in), capacity - Int(stream.pointee.avail_out))
                    }
                }
                guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                    throw AuditFileError(call: "deflate", reason: "zlib failed")
                }
                isFinished = code == Z_STREAM_END
                piece.removeFirst(consumed - left)
                try write(output[..<count], to: target)
                // Output that filled the room may have more behind it.
                if count == capacity { continue }
                if piece.isEmpty, !isLast || isFinished { break }
            } while true
            if isFinished { return true }
        }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) throws(AuditFileError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw AuditFileError(count < 0 ? errno : ENOSPC, call: "write") }
            rest = rest.dropFirst(count)
        }
    }
}

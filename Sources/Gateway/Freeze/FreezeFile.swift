import GatewayCore
import Glibc

/// Where a freeze survives the process: the file is there while calls are frozen.
struct FreezeFile: Sendable, Equatable {
    let path: String

    private static let mostBytes = 4096

    /// Why something with the file failed, in the system's words: `write: No space left on device`.
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ call: String, _ code: Int32) { description = "\(call): \(String(cString: strerror(code)))" }
    }

    /// Nil where there is no file. Whatever else cannot be understood counts as frozen.
    func load(nowMilliseconds: Int64) -> Freeze? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT { return nil }
            return .unreadable("cannot be opened: \(String(cString: strerror(code)))", path: path, nowMilliseconds: nowMilliseconds)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: FreezeFile.mostBytes)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else {
            return .unreadable("cannot be read: \(String(cString: strerror(errno)))", path: path, nowMilliseconds: nowMilliseconds)
        }
        return Freeze(text: String(decoding: bytes.prefix(count), as: UTF8.self))
            ?? .unreadable("is not as countersign writes it", path: path, nowMilliseconds: nowMilliseconds)
    }

    /// Puts the freeze in the place of what was there, on disk before it returns: at any moment, whatever fails, the file is whole.
    func save(_ freeze: Freeze) throws(Failure) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("open", errno) }
        let text = Array(freeze.text.utf8)
        let written = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        var failure: Failure?
        if written != text.count {
            failure = Failure("write", written < 0 ? errno : ENOSPC)
        } else if fsync(descriptor) != 0 {
            failure = Failure("fsync", errno)
        }
        close(descriptor)
        if failure == nil, rename(temporary, path) != 0 { failure = Failure("rename", errno) }
        if let failure {
            unlink(temporary)
            throw failure
        }
        try syncFolder()
    }

    /// Takes the file away, on disk before it returns.
    func remove() throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw Failure("unlink", errno) }
        try syncFolder()
    }

    private func syncFolder() throws(Failure) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("open", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure("fsync", errno) }
    }
}

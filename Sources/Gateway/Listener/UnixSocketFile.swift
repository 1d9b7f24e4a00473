import Glibc

/// The file of a unix socket before it is bound.
enum UnixSocketFile {
    /// Removes the left-over socket of a process that is gone. One that still answers, or a file that is no socket, is left alone.
    ///
    /// - Throws: `StartError` with exit code 69 where something lives at the path.
    static func clear(_ path: String) throws(StartError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw StartError("cannot listen on unix:\(path): a file that is no socket stands there; move it away", exitCode: 69)
        }
        if answers(path) {
            throw StartError("cannot listen on unix:\(path): another process listens there; stop it or choose another path", exitCode: 69)
        }
        guard unlink(path) == 0 else {
            throw StartError(
                "cannot listen on unix:\(path): the left-over socket cannot be removed: \(String(cString: strerror(errno)))", exitCode: 69)
        }
    }

    private static func answers(_ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { _ = Glibc.close(descriptor) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                // Only a refusal proves that nobody listens; without permission, say, nobody knows.
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 || errno != ECONNREFUSED
            }
        }
    }
}

extension UnixSocketFile {
    static func remove(_ path: String) { _ = unlink(path) }
}

import Glibc
import NIOCore
import NIOPosix

/// The file of a unix socket before it is bound.
enum UnixSocketFile {
    /// Removes the left-over socket of a process that is gone. One that still answers, or a file that is no socket, is left alone.
    ///
    /// - Throws: `StartError` with exit code 69 where something lives at the path.
    static func clear(_ path: String) throws(StartError) {
        guard FileIdentity(path) != nil else { return }
        try refuseOtherFile(path)
        if answers(path) {
            throw StartError("cannot listen on unix:\(path): another process listens there; stop it or choose another path", exitCode: 69)
        }
        guard unlink(path) == 0 else {
            throw StartError(
                "cannot listen on unix:\(path): the left-over socket cannot be removed: \(String(cString: strerror(errno)))", exitCode: 69)
        }
    }

    /// - Throws: `StartError` with exit code 69 where a file that is no socket stands at the path.
    static func refuseOtherFile(_ path: String) throws(StartError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK else { return }
        throw StartError("cannot listen on unix:\(path): a file that is no socket stands there; move it away", exitCode: 69)
    }

    /// A name in the same folder that no other process takes, not longer than a socket's path may be (unix(7)): a short path stays short.
    static func temporaryPath(beside path: String) -> String {
        let folder = path.lastIndex(of: "/").map { path[..<path.index(after: $0)] } ?? ""
        return "\(folder).\(getpid())"
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
    /// Listens at a path. One that is to be taken over keeps its file until the new one is ready, then changes hands in one step (rename(2)).
    ///
    /// - Parameter mode: permission bits of the file; nil: as the umask leaves them.
    /// - Throws: `StartError` with exit code 69, or what the socket says.
    static func bind(
        _ path: String, takesOver: Bool, mode: mode_t?, _ bootstrap: ServerBootstrap
    ) async throws -> (channel: any Channel, file: FileIdentity?) {
        if takesOver { try refuseOtherFile(path) } else { try clear(path) }
        let bound = takesOver ? temporaryPath(beside: path) : path
        let channel = try await bootstrap.bind(unixDomainSocketPath: bound).get()
        if let mode { chmod(bound, mode) }
        let identity = FileIdentity(bound)
        if bound != path, rename(bound, path) != 0 {
            let cause = String(cString: strerror(errno))
            _ = unlink(bound)
            try? await channel.close().get()
            throw StartError("cannot listen on unix:\(path): the path cannot be taken over: \(cause)", exitCode: 69)
        }
        return (channel, identity)
    }

    /// Removes the file that this process has made; a successor's stays.
    static func remove(_ path: String, ifStill identity: FileIdentity?) {
        guard let identity, FileIdentity(path) == identity else { return }
        _ = unlink(path)
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that could be read, and who else may read it.
public struct FileContent {
    public internal(set) var bytes: [UInt8]
    /// Permission bits; nil for pipes, which have no lasting content.
    var permissions: UInt32?
    /// The user that it belongs to; without meaning where there are no permissions.
    var owner: UInt32

    /// Whether others than its owner and `reader`, the user of this process, may read it. A file of root's that another user reads by its
    /// group is as closed as it can be: so Kubernetes mounts the Secrets of a Pod with an `fsGroup`, and so distributions keep TLS keys
    /// (the rule of PostgreSQL's `ssl_key_file`).
    func isExposed(reader: UInt32) -> Bool {
        guard let permissions else { return false }
        return permissions & (owner == 0 && reader != 0 ? 0o004 : 0o044) != 0
    }

    /// Whether the file, which lies at `path`, may be read by others than its owner and the user of this process. systemd gives a service
    /// its credentials by an access control list, whose mask shows as the group's bits, in a folder that nobody else enters
    /// (systemd.exec(5), LoadCredential).
    public func isExposed(at path: String, environment: EnvironmentVariables) -> Bool {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], folder.hasPrefix("/"), path.hasPrefix(folder + "/"), !path.contains("/../")
        else { return isExposed(reader: geteuid()) }
        return permissions.map { $0 & 0o004 != 0 } ?? false
    }

    /// For messages: `0644`.
    public var mode: String {
        let digits = String(permissions ?? 0, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

/// Why a file could not be read, as half a sentence that follows its path.
public struct FileProblem: Error, Equatable {
    public var problem: String
    public var remedy: String
    public var isMissing = false
}

public enum FileReading {
    /// Reads a whole file. Mode and content come from one open file, so that nobody can swap it between the look and the reading.
    ///
    /// - Parameters:
    ///   - limit: in bytes; a larger file is refused.
    ///   - takesPipes: pipes and devices are read to their end, for which it waits; else they are refused at once.
    /// - Throws: `FileProblem` where there is no such file, it cannot be read, is a folder or is too large.
    public static func read(_ path: String, limit: Int, takesPipes: Bool = true) throws(FileProblem) -> FileContent {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (takesPipes ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else { throw openProblem(errno, path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw openProblem(errno, path) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw FileProblem(problem: "is a folder", remedy: "name a file") }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        guard isRegular || takesPipes else { throw FileProblem(problem: "is no regular file", remedy: "name a regular file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = chunk.withUnsafeMutableBytes { buffer in system { readBytes(descriptor, buffer.baseAddress, buffer.count) } }
            guard count >= 0 else { throw openProblem(errno, path) }
            guard count > 0 else { break }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw FileProblem(problem: "is larger than \(limit) bytes", remedy: "name the right file")
            }
        }
        return FileContent(bytes: bytes, permissions: isRegular ? UInt32(status.st_mode) & 0o7777 : nil, owner: status.st_uid)
    }

    /// `path` itself when absolute, else below `directory`.
    static func resolve(_ path: String, in directory: String) -> String {
        path.hasPrefix("/") ? path : directory.hasSuffix("/") ? directory + path : "\(directory)/\(path)"
    }

    /// The folder that a file lies in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The absolute form of a path of this process, without following links.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return resolve(path, in: String(cString: current))
    }

    /// A path as a shell takes it.
    public static func shellQuoted(_ path: String) -> String {
        let plain = path.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "/._-+@%:,=".utf8.contains(byte)
        }
        guard !plain else { return path }
        return "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    private static func system(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    private static func openProblem(_ code: Int32, _ path: String) -> FileProblem {
        switch code {
        case ENOENT, ENOTDIR: FileProblem(problem: "does not exist", remedy: "create it, or name the right file", isMissing: true)
        case EACCES:
            FileProblem(problem: "may not be read by this user (uid \(geteuid()))", remedy: "give it to the user that runs countersign")
        default: FileProblem(problem: "cannot be read (\(String(cString: strerror(code))))", remedy: "name a file that can be read")
        }
    }
}

/// read(2), which `FileReading.read` hides inside its own scope.
private func readBytes(_ descriptor: Int32, _ address: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, address, count)
}

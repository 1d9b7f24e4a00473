import Glibc

/// By what a change of a file is noticed without reading it. A symbolic link counts as the file behind it, so a swapped link is a change;
/// so Kubernetes renews the files of a mounted ConfigMap or Secret.
struct FileStamp: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var bytes: Int64
    /// Nanoseconds since 1970.
    var modified: Int64

    /// nil where there is no such file, or none that may be looked at.
    static func of(_ path: String) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return FileStamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), bytes: Int64(status.st_size),
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
    }
}

/// Decides when the configuration and the files that it names are to be read again. Pure: stamps come in.
///
/// A certificate and its key, or a configuration and its secrets, are renewed one after the other, so a change counts once nothing has changed
/// for a whole look. What was judged is not judged again: files that are wrong wait for their next change.
struct FileWatch: Sendable {
    private var judged: [String: FileStamp] = [:]
    private var last: [String: FileStamp] = [:]

    /// - Parameter stamps: of the files as they are in use, by path; a file that is not there has none.
    init(stamps: [String: FileStamp]) {
        judged = stamps
        last = stamps
    }

    /// The paths whose files are to be read again now, in order; empty for most looks.
    mutating func look(_ stamps: [String: FileStamp]) -> [String] {
        defer { last = stamps }
        guard stamps != judged, stamps == last else { return [] }
        defer { judged = stamps }
        return Set(stamps.keys).union(judged.keys).filter { stamps[$0] != judged[$0] }.sorted()
    }

    /// The files have been read, for another reason or by a look, and others may be named now: stamps taken before the reading.
    mutating func forget(allBut paths: Set<String>, reading stamps: [String: FileStamp]) {
        judged = stamps.filter { paths.contains($0.key) }
        last = judged
    }

    static func stamps(of paths: some Sequence<String>) -> [String: FileStamp] {
        var stamps: [String: FileStamp] = [:]
        for path in paths { stamps[path] = FileStamp.of(path) }
        return stamps
    }
}

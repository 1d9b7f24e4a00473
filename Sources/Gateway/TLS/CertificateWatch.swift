import GatewayConfig
import Glibc

/// By what a change of a file is noticed without reading it. A symbolic link counts as the file behind it, so a swapped link is a change.
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

/// Decides when certificates, keys, authorities and revocation lists are to be read again. Pure: stamps come in.
///
/// Certificate and key are two files, renewed one after the other, so a change counts once nothing has changed for a whole look. What was
/// judged is not judged again: a pair that does not fit waits for its next change.
struct CertificateWatch: Sendable {
    let paths: [String]
    private var judged: [FileStamp?]
    private var last: [FileStamp?]

    /// - Parameter stamps: of the files as they are in use, in the order of `paths`.
    init(paths: [String], stamps: [FileStamp?]) {
        self.paths = paths
        judged = stamps
        last = stamps
    }

    /// Whether to read the files again now.
    mutating func look(_ stamps: [FileStamp?]) -> Bool {
        defer { last = stamps }
        guard stamps != judged, stamps == last else { return false }
        judged = stamps
        return true
    }

    /// All files that the TLS listeners of a configuration read.
    static func paths(of settings: Settings) -> [String] {
        settings.listeners.compactMap(\.tls).flatMap { tls in
            ([tls.identity] + tls.additionalIdentities).flatMap { [$0.certificate, $0.privateKey] }
                + [tls.clientCA, tls.crlFile].compactMap(\.self)
        }
    }
}

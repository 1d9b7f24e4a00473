import Glibc
import Testing

@testable import Gateway

struct AuditLogFileTests {
    /// As a program has one that was started just before and does not run yet.
    @Test("A copy of the descriptor that somebody still holds does not keep the file locked")
    func unlocks() throws {
        let folder = TemporaryFolder()
        let path = folder / "audit.jsonl"
        var file = try AuditLogFile(path: path)
        _ = try file.reopen()
        let copy = try #require(Self.copyOfDescriptor(of: path))
        defer { close(copy) }
        #expect(throws: AuditTrailError.anotherWriter) { try Self.openAnother(path) }
        file.release()
        try Self.openAnother(path)
    }

    private static func openAnother(_ path: String) throws {
        var other = try AuditLogFile(path: path)
        defer { other.release() }
        _ = try other.reopen()
    }

    private static func copyOfDescriptor(of path: String) -> Int32? {
        var wanted = stat()
        guard stat(path, &wanted) == 0 else { return nil }
        for descriptor in 3..<Int32(4096) {
            var found = stat()
            if fstat(descriptor, &found) == 0, found.st_ino == wanted.st_ino, found.st_dev == wanted.st_dev { return dup(descriptor) }
        }
        return nil
    }
}

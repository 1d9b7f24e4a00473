import GatewayCore
import Glibc

/// `<path>.checkpoint`: a copy of the last checkpoint. A trail that ends before it has lost its end.
struct AuditSidecar {
    let path: String

    init(trail: String) { path = trail + ".checkpoint" }

    /// Puts a line in the place of the old one: at any moment, whatever fails, the file holds one of the two.
    func save(_ line: [UInt8]) throws(AuditFileError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AuditFileError(errno, call: "open") }
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let code = written == line.count && fdatasync(descriptor) == 0 ? 0 : written < 0 || written == line.count ? errno : ENOSPC
        close(descriptor)
        guard code == 0, rename(temporary, path) == 0 else {
            let code = code == 0 ? errno : code
            unlink(temporary)
            throw AuditFileError(code, call: "write")
        }
    }

    /// Nil where there is none, or nothing that is a checkpoint.
    func load() -> AuditCheckpoint? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let bytes = try? AuditTail.read(descriptor, from: 0, count: 4096), bytes.last == 0x0A else { return nil }
        return bytes.dropLast().withUnsafeBytes { AuditCheckpoint($0) }
    }

    /// What the next record has to note when the trail, which goes on with `chain`, ends before the last checkpoint, or with another
    /// record in its place.
    func contradiction(with chain: AuditChain) -> String? {
        guard let last = load() else { return nil }
        if last.sequence >= chain.nextSequence {
            return "the trail ended with record \(chain.nextSequence - 1), but \(name) is of record \(last.sequence): its end is missing"
        }
        if last.sequence + 1 == chain.nextSequence, last.hash != chain.previous {
            return "the last record is not the one in \(name)"
        }
        return nil
    }

    private var name: Substring { path.split(separator: "/").last ?? "" }
}

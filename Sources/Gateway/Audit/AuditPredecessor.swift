import Digests
import GatewayCore
import Glibc

/// Where the chain of a new, empty file goes on: behind the newest rotated file beside it, or where the note `<path>.state` says, which is
/// left at each reopening and at the end of the process for the case that rotated files were compressed or taken away.
struct AuditPredecessor {
    let directory: String
    private let path: String
    let name: String

    init(path: String) {
        self.path = path
        if let slash = path.lastIndex(of: "/") {
            directory = slash == path.startIndex ? "/" : String(path[..<slash])
            name = String(path[path.index(after: slash)...])
        } else {
            directory = "."
            name = path
        }
    }

    /// The farthest place that any of them tells; nil where there is none.
    func chain(with context: SHA256Context) -> AuditChain? {
        var best = state()
        for sibling in rotated() {
            guard let found = last(of: directory + "/" + sibling, with: context) else { continue }
            if best.map({ found.nextSequence > $0.nextSequence }) ?? true { best = found }
        }
        return best
    }

    /// Leaves the note. Its loss costs nothing as long as a rotated file can be read as it is: only where this says true may one be
    /// compressed or taken away.
    @discardableResult
    func save(_ chain: AuditChain) -> Bool {
        let temporary = path + ".state.new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let text = Array("\(chain.nextSequence) \(chain.previous)\n".utf8)
        let written = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let isWritten = written == text.count && fdatasync(descriptor) == 0
        close(descriptor)
        if isWritten, rename(temporary, path + ".state") == 0 { return true }
        unlink(temporary)
        return false
    }

    private func state() -> AuditChain? {
        guard let text = contents(of: path + ".state") else { return nil }
        let parts = text.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A })
        guard parts.count == 2, let sequence = UInt64(String(decoding: parts[0], as: UTF8.self)), sequence > 0,
            let hash = parts[1].withUnsafeBytes({ AuditHash(hex: $0) })
        else { return nil }
        return AuditChain(nextSequence: sequence, previous: hash)
    }

    /// Names that rotation gives: `audit.jsonl.1`, `audit.jsonl-20260131`, `audit-20260131.jsonl`.
    private func rotated() -> [String] { siblings().filter(isRotated) }

    /// The names of all files beside the trail.
    func siblings() -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let candidate = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            names.append(candidate)
        }
        return names
    }

    func isRotated(_ candidate: String) -> Bool {
        if candidate.hasPrefix(name) { return AuditPredecessor.isCounter(candidate.dropFirst(name.count)) }
        guard let dot = name.lastIndex(of: "."), candidate.hasPrefix(name[..<dot]), candidate.hasSuffix(name[dot...]),
            candidate.utf8.count > name.utf8.count
        else { return false }
        return AuditPredecessor.isCounter(candidate.dropFirst(name[..<dot].count).dropLast(name[dot...].count))
    }

    /// A separator and then a number or a time.
    private static func isCounter(_ text: Substring) -> Bool {
        guard text.count > 1, text.first == "." || text.first == "-" else { return false }
        return text.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || byte == 0x2D || byte == 0x2E || byte == 0x3A || byte == 0x5F || byte == 0x54 || byte == 0x5A
        }
    }

    private func last(of path: String, with context: SHA256Context) -> AuditChain? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let (tail, _) = try? AuditTail.read(descriptor, size: Int(status.st_size), with: context),
            case .record(let sequence, let hash, _, _) = tail
        else { return nil }
        return AuditChain(nextSequence: sequence + 1, previous: hash)
    }

    private func contents(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return try? AuditTail.read(descriptor, from: 0, count: 256)
    }
}

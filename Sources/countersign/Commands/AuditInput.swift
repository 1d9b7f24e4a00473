import Digests
import Gateway
import GatewayCore
import Glibc

/// Files of a trail, read in pieces and in the order of their records.
struct AuditInput {
    struct Unreadable: Error, CustomStringConvertible {
        var path: String
        var reason: String

        var description: String { "\(path): \(reason)" }
    }

    /// Of the file beside a trail that holds a copy of its last checkpoint.
    static let checkpointSuffix = ".checkpoint"

    /// Paths in the order of the chain.
    let paths: [String]

    /// Puts files into the order of their first records, so that `audit.jsonl*` may be given as a shell lists it. Files beside a trail that
    /// are none of it (torn pieces, the `.state` note) are left out; `skipped` is told their names.
    init(_ given: [String], skipped: (String) -> Void) throws(Unreadable) {
        var ordered: [(sequence: UInt64, path: String)] = []
        for path in given {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            if given.count > 1, name.hasSuffix(AuditInput.checkpointSuffix) { continue }
            if given.count > 1, name.contains(".torn-") || name.hasSuffix(".state") || name.hasSuffix(".gz.tmp") {
                skipped(path)
                continue
            }
            ordered.append((given.count > 1 ? try AuditInput.firstSequence(path) : 0, path))
        }
        // Stable, so that files without a record stay where they were given.
        paths = ordered.enumerated().sorted { ($0.element.sequence, $0.offset) < ($1.element.sequence, $1.offset) }.map(\.element.path)
    }

    /// Calls `body` with each piece of a file, decompressed where it is gzip, until `body` says that it has seen enough.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) -> Bool) throws(Unreadable) {
        let descriptor = try open(path)
        defer { if descriptor != 0 { close(descriptor) } }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceByteCount, alignment: 16)
        defer { buffer.deallocate() }
        var gzip: AuditGzip?
        var isFirst = true
        do throws(AuditGzip.Broken) {
            while let piece = try next(descriptor, buffer, path).get() {
                if isFirst, AuditGzip.isGzip(piece) { gzip = try AuditGzip() }
                isFirst = false
                let isWanted = try gzip?.consume(piece, body) ?? body(piece)
                if !isWanted { return }
            }
            try gzip?.finish()
        } catch {
            throw Unreadable(path: path, reason: error.description)
        }
    }

    /// The next bytes; nil at the end.
    private static func next(
        _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ path: String
    ) -> Result<UnsafeRawBufferPointer?, AuditGzip.Broken> {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return .failure(AuditGzip.Broken(description: String(cString: strerror(errno)))) }
            return .success(count == 0 ? nil : UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Calls `body` with each line, without its newline. A last line without one counts as a line.
    static func readLines(_ path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws(Unreadable) {
        var partial: [UInt8] = []
        try read(path) { piece in
            var start = 0
            while let feed = piece[start...].firstIndex(of: 0x0A) {
                let rest = UnsafeRawBufferPointer(rebasing: piece[start..<feed])
                if partial.isEmpty {
                    body(rest)
                } else {
                    partial.append(contentsOf: rest)
                    partial.withUnsafeBytes { body($0) }
                    partial.removeAll(keepingCapacity: true)
                }
                start = feed + 1
            }
            partial.append(contentsOf: piece[start...])
            return true
        }
        if !partial.isEmpty { partial.withUnsafeBytes { body($0) } }
    }

    private static let pieceByteCount = 256 << 10

    private static func open(_ path: String) throws(Unreadable) -> Int32 {
        if path == "-" { return 0 }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(path: path, reason: String(cString: strerror(errno))) }
        return descriptor
    }

    /// The `seq` of the first line; 0 where there is none, and for standard input, which can be read once only.
    private static func firstSequence(_ path: String) throws(Unreadable) -> UInt64 {
        guard path != "-" else { return 0 }
        var beginning: [UInt8] = []
        try read(path) { piece in
            beginning.append(contentsOf: piece)
            return !beginning.contains(0x0A) && beginning.count <= AuditVerifier.longestLine
        }
        guard let feed = beginning.firstIndex(of: 0x0A) else { return 0 }
        return beginning[..<feed].withUnsafeBytes { AuditLine($0) }?.sequence ?? 0
    }
}

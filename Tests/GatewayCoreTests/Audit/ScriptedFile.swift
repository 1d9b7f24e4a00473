import Digests
import Testing

@testable import GatewayCore

/// A file in memory that fails where a script says so. A class, so that a test keeps hold of what the journal writes to.
final class ScriptedFile: AuditFile {
    enum Call: String {
        case write, synchronize, truncate, inspect, probe, reopen, rotate, read
    }

    enum Outcome {
        /// The error is named after the call that met it.
        case fails(String)
        /// `write` takes so many bytes only.
        case takes(Int)
    }

    var bytes: [UInt8] = []
    /// What a power failure would leave.
    var durable: [UInt8] = []
    var isLinked = true
    var calls: [Call] = []
    private var script: [(call: Call, outcome: Outcome)] = []
    /// Calls that fail until taken off the list.
    var broken: [Call: String] = [:]
    /// What `reopen` finds; nil: the same file with the same bytes.
    var nextFile: [UInt8]?
    var identity: UInt64 = 1
    /// What rotation left, oldest first.
    var rotated: [(suffix: String, bytes: [UInt8])] = []

    func expect(_ call: Call, _ outcome: Outcome) { script.append((call, outcome)) }

    private func step(_ call: Call) throws(AuditFileError) -> Int? {
        calls.append(call)
        if let reason = broken[call] { throw AuditFileError(call: "scripted", reason: reason) }
        guard let index = script.firstIndex(where: { $0.call == call }) else { return nil }
        switch script.remove(at: index).outcome {
        case .fails(let reason): throw AuditFileError(call: "scripted", reason: reason)
        case .takes(let count): return count
        }
    }

    func write(_ new: UnsafeRawBufferPointer) throws(AuditFileError) -> Int {
        let count = min(try step(.write) ?? new.count, new.count)
        bytes.append(contentsOf: new[..<count])
        return count
    }

    func synchronize() throws(AuditFileError) {
        _ = try step(.synchronize)
        durable = bytes
    }

    func truncate(to size: Int) throws(AuditFileError) {
        _ = try step(.truncate)
        bytes.removeLast(bytes.count - size)
    }

    func inspect() throws(AuditFileError) -> AuditFileState {
        _ = try step(.inspect)
        return AuditFileState(size: bytes.count, isLinked: isLinked)
    }

    func probe() throws(AuditFileError) { _ = try step(.probe) }

    func reopen() throws(AuditFileError) -> AuditOpening {
        _ = try step(.reopen)
        if let nextFile {
            bytes = nextFile
            durable = nextFile
            isLinked = true
            identity += 1
            self.nextFile = nil
        }
        guard let context = try? SHA256Context() else { throw AuditFileError(call: "reopen", reason: "no SHA-256") }
        var opening = AuditOpening(size: bytes.count, identity: identity)
        switch bytes.withUnsafeBytes({ AuditTail($0, isWholeFile: true, with: context) }) {
        case .record(let sequence, let hash, let kept, _):
            opening.chain = AuditChain(nextSequence: sequence + 1, previous: hash)
            if kept < bytes.count {
                opening.notes.append("torn")
                bytes.removeLast(bytes.count - kept)
                opening.size = kept
            }
        case .torn:
            bytes = []
            opening.size = 0
            opening.notes.append("torn")
        case .empty, .needsMore:
            if let last = rotated.last(where: { !$0.bytes.isEmpty }) { opening.chain = ScriptedFile.chain(behind: last.bytes, context) }
        }
        return opening
    }

    static func chain(behind bytes: [UInt8], _ context: SHA256Context) -> AuditChain? {
        guard case .record(let sequence, let hash, _, _) = bytes.withUnsafeBytes({ AuditTail($0, isWholeFile: true, with: context) })
        else { return nil }
        return AuditChain(nextSequence: sequence + 1, previous: hash)
    }

    func rotate(to suffix: String) throws(AuditFileError) -> AuditOpening {
        _ = try step(.rotate)
        rotated.append((suffix, bytes))
        bytes = []
        durable = []
        identity += 1
        return AuditOpening(size: 0, identity: identity)
    }

    func read(from offset: Int, count: Int) throws(AuditFileError) -> [UInt8] {
        // Reading is constant for the file, but a script counts it as a call all the same.
        _ = try step(.read)
        return Array(bytes[min(offset, bytes.count)..<min(offset + count, bytes.count)])
    }

    func release() {}
}

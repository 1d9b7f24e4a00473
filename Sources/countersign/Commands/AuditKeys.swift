import ArgumentParser
import Digests
import FoundationEssentials
import GatewayCore

/// The keys that a command was given.
struct AuditKeys {
    let all: [AuditVerificationKey]

    init(keyFiles: [String], publicKeys: [String]) throws {
        var all: [AuditVerificationKey] = []
        for path in keyFiles {
            all.append(
                try AuditKeys.key(path) { (bytes) throws(AuditSigner.BadKey) in try AuditVerificationKey(hmacKey: SecretBytes(bytes)) })
        }
        for path in publicKeys {
            all.append(try AuditKeys.key(path) { (bytes) throws(AuditSigner.BadKey) in try AuditVerificationKey(publicKeyPEM: bytes) })
        }
        self.all = all
    }

    private static func key(
        _ path: String, _ make: ([UInt8]) throws(AuditSigner.BadKey) -> AuditVerificationKey
    ) throws -> AuditVerificationKey {
        let bytes = try read(path)
        do throws(AuditSigner.BadKey) {
            return try make(bytes)
        } catch {
            Audit.complain("\(path) \(error)")
            throw Audit.unreadable
        }
    }

    /// As the gateway reads it: the line end behind the key is no part of it.
    static func read(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            Audit.complain("cannot read \(path)")
            throw Audit.unreadable
        }
        var bytes = Array(data)
        if bytes.last == 0x0A { bytes.removeLast() }
        if bytes.last == 0x0D { bytes.removeLast() }
        return bytes
    }
}

/// A checkpoint that lies beside the trail or was kept elsewhere.
struct AuditKept {
    var path: String
    var checkpoint: AuditCheckpoint

    /// - Parameters:
    ///   - checkpoint: its file as named; nil: the one beside a file of the trail, or among them.
    ///   - files: the files of the trail.
    init?(checkpoint named: String?, files: [String]) throws {
        if let named {
            guard let found = AuditKept.load(named) else {
                Audit.complain("\(named) is no checkpoint")
                throw Audit.unreadable
            }
            self.init(path: named, checkpoint: found)
            return
        }
        let places = files.map { $0.hasSuffix(AuditInput.checkpointSuffix) ? $0 : $0 + AuditInput.checkpointSuffix }
        let found = places.compactMap { place in AuditKept.load(place).map { (place, $0) } }
        guard let last = found.max(by: { $0.1.sequence < $1.1.sequence }) else { return nil }
        self.init(path: last.0, checkpoint: last.1)
    }

    private init(path: String, checkpoint: AuditCheckpoint) {
        self.path = path
        self.checkpoint = checkpoint
    }

    private static func load(_ path: String) -> AuditCheckpoint? {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 4096, data.last == 0x0A else { return nil }
        return Array(data.dropLast()).withUnsafeBytes { AuditCheckpoint($0) }
    }
}

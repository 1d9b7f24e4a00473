import Digests
import GatewayCore

extension Field {
    private static let second: UInt64 = 1_000_000_000
    private static let day: UInt64 = 86_400_000_000_000

    /// `audit.mirror`: a path that is not the trail's own.
    func auditMirror(of path: String?) -> String? {
        guard let keys = object(AuditMirrorKey.self) else { return nil }
        let field = keys.required(.path, example: "\"/mnt/other/audit.jsonl\"")
        let mirror = field?.filePath()
        if let mirror, mirror == path {
            field?.fail("this is \"audit.file.path\" itself", "name a file on another disk")
        }
        return mirror
    }

    /// `audit.rotate`.
    func auditRotation() -> AuditRotationRule? {
        guard let keys = object(AuditRotateKey.self) else { return nil }
        let size = keys[.size]?.size(1024...1 << 50)
        let age = keys[.age]?.duration(Self.second...3650 * Self.day)
        let keep = keys[.keep]?.integer(1...1_000_000)
        let gzip = keys[.gzip]?.boolean()
        if keys[.size] == nil, keys[.age] == nil {
            fail("this says nothing of when", "write \"size\": \"100MB\", or \"age\": \"1d\", or both")
        }
        return AuditRotationRule(
            byteLimit: size, ageMilliseconds: age.map { $0 / 1_000_000 }, keptFileCount: keep, compresses: gzip ?? false)
    }

    /// `audit.checkpoint`.
    func auditCheckpoint() -> AuditCheckpointRule? {
        guard let keys = object(AuditCheckpointKey.self) else { return nil }
        let records = keys[.records]?.integer(1...1_000_000_000)
        let interval = keys[.interval]?.duration(Self.second...Self.day)
        let algorithm = keys[.algorithm]?.choice(AuditCheckpointAlgorithm.self)
        let isAlgorithmKnown = keys[.algorithm] == nil || algorithm != nil
        let key = keys.required(.key, example: "{\"file\": \"checkpoint.key\"}")?.secret { text throws(ValueProblem) in
            if isAlgorithmKnown { try Self.check(text, algorithm ?? .hmacSHA256) }
        }
        guard let key else { return nil }
        return AuditCheckpointRule(
            recordCount: records.map { UInt64($0) } ?? 1000, intervalMilliseconds: interval.map { $0 / 1_000_000 } ?? 60_000,
            algorithm: algorithm ?? .hmacSHA256, key: key.bytes)
    }

    private static func check(_ text: String, _ algorithm: AuditCheckpointAlgorithm) throws(ValueProblem) {
        do throws(AuditSigner.BadKey) {
            _ = try AuditSigner(algorithm, key: SecretBytes(text))
        } catch {
            let remedy =
                switch algorithm {
                case .hmacSHA256: "write at least 16 random bytes: openssl rand -hex 32 > checkpoint.key"
                case .ed25519: "make one: openssl genpkey -algorithm ed25519 -out checkpoint.pem"
                }
            throw ValueProblem(error.description, remedy)
        }
    }
}

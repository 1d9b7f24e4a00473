import Digests
import Testing

@testable import GatewayCore

/// Entries, bodies and trails that the audit tests share.
enum AuditFixtures {
    static let operation = AuditOperation(
        name: "DeletePhoneNumber", template: "/phone-numbers/{phoneNumberId}", parameters: ["phoneNumberId"], upstream: "chime",
        region: "us-east-1", limits: ["account", "fuse"])

    static func entry(_ stage: AuditStage, id: String = "id-1", subject: String = "+12065550100") -> AuditEntry {
        var entry = AuditEntry(stage: stage, timeMilliseconds: 1_769_904_000_123, id: Array(id.utf8)[...])
        entry.caller = AuditCaller(name: "billing", proof: "token")
        entry.source = Array("192.0.2.1:4711".utf8)
        entry.method = Array("DELETE".utf8)[...]
        entry.target = Array("/phone-numbers/%2B12065550100".utf8)[...]
        entry.operation = operation
        entry.subject = Array(subject.utf8)[...]
        entry.accessKeyID = Array("AKIDEXAMPLE".utf8)
        guard stage != .intent else { return entry }
        entry.status = stage == .outcome ? 204 : 403
        entry.origin = stage == .outcome ? .upstream : .gateway
        entry.durationMicroseconds = 12_345
        if stage == .outcome {
            entry.state = .answered
            entry.attempts = 1
            entry.upstreamRequestID = Array("up-1".utf8)[...]
        } else {
            entry.errorType = Array("ForbiddenException".utf8)[...]
            entry.reason = Array("number/denied".utf8)
        }
        return entry
    }

    static func body(_ entry: AuditEntry, style: AuditSubjectStyle = .plain) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try AuditEncoder(instance: "gw-1", style: style).encode(entry, into: &bytes)
        return bytes
    }

    static func text(_ entry: AuditEntry, style: AuditSubjectStyle = .plain) throws -> String {
        String(decoding: try body(entry, style: style), as: UTF8.self)
    }

    /// A trail of so many records, as lines with their newlines.
    static func lines(_ count: Int, from start: AuditChain = AuditChain()) throws -> [[UInt8]] {
        let context = try SHA256Context()
        var chain = start
        return try (0..<count).map { number in
            let body = try body(entry(number % 2 == 0 ? .intent : .outcome, id: "id-\(number / 2)"))
            var line: [UInt8] = []
            body.withUnsafeBytes { chain.seal($0, with: context, into: &line) }
            return line
        }
    }

    /// A digest that no record has.
    static let someHash = Array(repeating: UInt8(0x61), count: 64).withUnsafeBytes { AuditHash(hex: $0) }

    static func batch(_ duties: AuditDuty...) throws -> AuditBatch {
        let encoder = try AuditEncoder(instance: "gw-1", style: .plain)
        var batch = AuditBatch()
        for duty in duties {
            let stage: AuditStage = duty == .awaited ? .intent : duty == .owed ? .outcome : .refusal
            batch.append(entry(stage), duty: duty, encoder: encoder)
        }
        return batch
    }

    /// Verifies files given as bytes, in chunks of the given size.
    static func verify(_ files: [[UInt8]], chunk: Int = 1 << 16, start: AuditVerifier.Start = .first) throws -> AuditVerifier {
        var verifier = try AuditVerifier(start: start)
        for file in files {
            file.withUnsafeBytes { bytes in
                var index = 0
                while index < bytes.count {
                    let end = min(bytes.count, index + chunk)
                    verifier.consume(UnsafeRawBufferPointer(rebasing: bytes[index..<end]))
                    index = end
                }
            }
            verifier.endFile()
        }
        return verifier
    }
}

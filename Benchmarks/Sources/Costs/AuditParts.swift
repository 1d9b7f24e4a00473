import Digests
import GatewayCore

/// The trail: making records, chaining them, checking them.
enum AuditParts {
    static func all() throws -> [Part] {
        try [encode(), encodeAndChain(), verify()]
    }

    private static let operation = AuditOperation(
        name: "DeletePhoneNumber", template: "/phone-numbers/{phoneNumberId}", parameters: ["phoneNumberId"], upstream: "chime",
        region: "us-east-1", limits: RequestParts.limits.map(\.name))

    /// An intent and its outcome.
    private static func entries() -> [AuditEntry] {
        var intent = AuditEntry(stage: .intent, timeMilliseconds: 1_796_112_000_123, id: RequestParts.id[...])
        intent.caller = AuditCaller(name: "number-lifecycle", proof: "network")
        intent.source = Array("127.0.0.1:50514".utf8)
        intent.method = RequestParts.method[...]
        intent.target = RequestParts.wirePath[...]
        intent.operation = operation
        intent.subject = Array("+12065550100".utf8)[...]
        intent.accessKeyID = Array("AKIDEXAMPLE".utf8)
        var outcome = intent
        outcome.stage = .outcome
        outcome.state = .answered
        outcome.status = 204
        outcome.origin = .upstream
        outcome.upstreamRequestID = Array("5f3c2a10-0000-4000-8000-000000000000".utf8)[...]
        outcome.attempts = 1
        outcome.durationMicroseconds = 45_812
        return [intent, outcome]
    }

    private static func encode() throws -> Part {
        let encoder = try AuditEncoder(instance: "gateway-1", style: .plain)
        let entries = entries()
        return Part(name: "audit: encode a record") { count in
            var bytes: [UInt8] = []
            for index in 0..<count {
                if bytes.count > 60_000 { bytes.removeAll(keepingCapacity: true) }
                encoder.encode(entries[index & 1], into: &bytes)
            }
            consume(bytes)
        }
    }

    private static func encodeAndChain() throws -> Part {
        let encoder = try AuditEncoder(instance: "gateway-1", style: .plain)
        let context = try SHA256Context()
        let entries = entries()
        return Part(name: "audit: encode and chain a record") { count in
            var chain = AuditChain()
            var body: [UInt8] = []
            var lines: [UInt8] = []
            for index in 0..<count {
                if lines.count > 60_000 { lines.removeAll(keepingCapacity: true) }
                body.removeAll(keepingCapacity: true)
                encoder.encode(entries[index & 1], into: &body)
                body.withUnsafeBytes { chain.seal($0, with: context, into: &lines) }
            }
            consume(lines)
        }
    }

    private static func trail(of records: Int) throws -> [UInt8] {
        let encoder = try AuditEncoder(instance: "gateway-1", style: .plain)
        let context = try SHA256Context()
        let entries = entries()
        var chain = AuditChain()
        var lines: [UInt8] = []
        for index in 0..<records {
            var body: [UInt8] = []
            encoder.encode(entries[index & 1], into: &body)
            body.withUnsafeBytes { chain.seal($0, with: context, into: &lines) }
        }
        return lines
    }

    /// One iteration is one record, read in pieces of 64 KiB as from a file.
    private static func verify() throws -> Part {
        let records = 2000
        let lines = try trail(of: records)
        return Part(name: "audit: verify a record", bytes: lines.count / records) { count in
            var left = count
            while left > 0 {
                guard var verifier = try? AuditVerifier() else { fail("no SHA-256") }
                lines.withUnsafeBytes { all in
                    // Short runs check fewer records, so that instruction counts stay a difference of iterations.
                    let end = left >= records ? all.count : all.count * left / records
                    var start = 0
                    while start < end {
                        let stop = min(start + 65_536, end)
                        verifier.consume(UnsafeRawBufferPointer(rebasing: all[start..<stop]))
                        start = stop
                    }
                }
                if verifier.finding != nil { fail("the trail does not verify") }
                left -= records
            }
        }
    }
}

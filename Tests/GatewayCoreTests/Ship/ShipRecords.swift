import Digests
import Testing

@testable import GatewayCore

/// Whole lines of a chain, without their line feeds, for tests.
func shipLines(_ bodies: [String], from start: AuditChain = AuditChain()) throws -> [[UInt8]] {
    var chain = start
    let context = try SHA256Context()
    return bodies.map { body in
        var line: [UInt8] = []
        Array(body.utf8).withUnsafeBytes { chain.seal($0, with: context, into: &line) }
        return line.dropLast()
    }
}

func shipBody(_ stage: String, id: String = "id-1", instance: String = "gw-1") -> String {
    ",\"time\":\"2026-01-31T23:59:59.123Z\",\"stage\":\"\(stage)\",\"id\":\"\(id)\",\"instance\":\"\(instance)\",\"caller\":null"
}

func shipHash(_ byte: Character) throws -> AuditHash {
    try #require(Array(String(repeating: byte, count: 64).utf8).withUnsafeBytes { AuditHash(hex: $0) })
}

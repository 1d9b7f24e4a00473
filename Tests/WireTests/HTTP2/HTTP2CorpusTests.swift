import Foundation
import GatewayCore
import Testing
import Wire

/// The seeds of the fuzz targets and what they once found: no promise of a session is broken. A breach traps.
@Suite struct HTTP2CorpusTests {
    private static func files(_ folder: String) -> [String] {
        let found = try? FileManager.default.contentsOfDirectory(atPath: directory(folder).path)
        return (found ?? []).sorted().map { "\(folder)/\($0)" }
    }

    private static func directory(_ folder: String) -> URL { Bundle.module.bundleURL.appendingPathComponent("Corpus/http2/\(folder)") }

    static let server = files("server") + files("server-findings")
    static let client = files("client") + files("client-findings")

    @Test func corporaAreThere() {
        #expect(Self.server.count > 20)
        #expect(Self.client.count > 12)
    }

    @Test(arguments: server) func aServerKeepsItsPromises(name: String) throws {
        try HTTP2Invariants.checkServer([UInt8](Data(contentsOf: Self.directory(name))))
    }

    @Test(arguments: client) func aClientKeepsItsPromises(name: String) throws {
        try HTTP2Invariants.checkClient([UInt8](Data(contentsOf: Self.directory(name))))
    }

    /// A witness that hears nothing would agree with everything.
    @Test func theWitnessHears() throws {
        let input = HTTP2Input(try [UInt8](Data(contentsOf: Self.directory("server/post-body-trailers"))), startsAsClient: true)
        let witness = HTTP2Witness(limits: HTTP2Limits())
        let session = try HTTP2ServerSession()
        input.bytes.withUnsafeBytes { session.receive($0, now: 1, delegate: witness) }
        #expect(witness.streams[1]?.body == Array("hellox".utf8))
        #expect(witness.streams[1]?.trailers?.lines.count == 1)
        #expect(witness.streams[1]?.isEnded == true)
    }
}

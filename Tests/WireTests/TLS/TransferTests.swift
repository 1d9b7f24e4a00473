import Testing
import Wire

/// After the handshake, and input that is none.
@Suite struct TLSTransferTests {
    let authority = TestAuthority.shared

    func joined(_ version: TLSVersion = .tls13) throws -> JoinedSessions {
        let joined = try JoinedSessions(
            client: TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")), maximumVersion: version)),
            server: TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")])))
        joined.run()
        try #require(joined.client.handshake != nil && joined.server.handshake != nil)
        return joined
    }

    /// Bytes that differ from place to place.
    func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    @Test(arguments: [TLSVersion.tls12, .tls13], [1, 7, 16 << 10, 100_000]) func carriesMegabytesBothWays(
        _ version: TLSVersion, _ area: Int
    ) throws {
        let joined = try joined(version)
        joined.client.areaSize = area
        joined.server.areaSize = area
        let size = area < 100 ? 50_000 : 1_000_000
        let up = pattern(size, seed: 1)
        let down = pattern(size, seed: 2)
        var offset = 0
        while offset < size {
            let piece = min(150_000, size - offset)
            #expect(joined.client.send(Array(up[offset..<(offset + piece)])) && joined.server.send(Array(down[offset..<(offset + piece)])))
            joined.run { _, waiting in min(waiting, 40_000) }
            offset += piece
            try #require(joined.client.error == nil && joined.server.error == nil, "after \(offset) bytes")
        }
        #expect(joined.server.plaintext == up && joined.client.plaintext == down)
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func tellsAnAnnouncedEndFromACut(_ version: TLSVersion) throws {
        let announced = try joined(version)
        #expect(announced.client.send([1, 2, 3]))
        announced.client.session.close()
        #expect(!announced.client.send([4]), "nothing goes after close_notify")
        announced.run()
        announced.server.end()
        #expect(announced.server.plaintext == [1, 2, 3] && announced.server.closed && announced.server.error == nil)
        #expect(announced.server.send([5, 6]), "the other direction stays open")
        announced.run()
        #expect(announced.client.plaintext == [5, 6] && !announced.client.closed)
        announced.client.end()
        #expect(announced.client.error == nil && announced.client.closed, "after our own close a bare end is enough")

        let cut = try joined(version)
        #expect(cut.client.send([1, 2, 3]))
        cut.run()
        cut.server.end()
        #expect(cut.server.plaintext == [1, 2, 3] && !cut.server.closed && cut.server.error?.kind == .truncated)
        #expect(!cut.server.send([1]))
    }

    @Test func reportsACutInsideARecord() throws {
        let joined = try joined()
        #expect(joined.client.send(pattern(5000, seed: 3)))
        joined.server.receive(joined.client.drain().dropLast(10))
        joined.server.end()
        #expect(joined.server.plaintext.isEmpty && joined.server.error?.kind == .truncated)
    }

    @Test func reportsAnEndDuringTheHandshake() throws {
        let context = try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")]))
        let clients = try TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root"))))
        let joined = try JoinedSessions(client: clients, server: context)
        joined.client.process()
        joined.server.receive(joined.client.drain().prefix(50))
        joined.server.end()
        joined.client.end()
        #expect(joined.server.error?.kind == .closedDuringHandshake && joined.client.error?.kind == .closedDuringHandshake)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "the client spoke plain HTTP, not TLS"),
        ("DELETE /phone-numbers/", "the client spoke plain HTTP, not TLS"),
        ("PRI * HTTP/2.0\r\n", "the client spoke plain HTTP, not TLS"), ("SSH-2.0-OpenSSH_9.2\r\n", "the client's first bytes are not TLS"),
        ("\0\0\0\0\0\0\0\0\0\0\0", "the client's first bytes are not TLS"),
    ]) func knowsPlainTextFromAClient(_ text: String, _ sentence: String) throws {
        for single in [false, true] {
            let server = JoinedSessions.End(
                try TLSSession(server: TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")]))))
            if single { for byte in text.utf8 { server.receive([byte]) } } else { server.receive(text.utf8) }
            #expect(server.error == TLSError(.notTLS, sentence))
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "the server answered in plain HTTP, not TLS"),
        ("220 mail ESMTP\r\n", "the server's first bytes are not TLS"),
    ]) func knowsPlainTextFromAServer(_ text: String, _ sentence: String) throws {
        let client = JoinedSessions.End(try TLSSession(client: TLSClientContext(), serverName: "localhost"))
        client.process()
        client.receive(text.utf8)
        #expect(client.error == TLSError(.notTLS, sentence))
        client.receive(text.utf8)
        client.end()
        #expect(client.error == TLSError(.notTLS, sentence), "said once")
    }

    @Test func refusesChangedBytes() throws {
        let joined = try joined()
        #expect(joined.client.send(pattern(100, seed: 4)))
        var bytes = joined.client.drain()
        bytes[bytes.count - 5] ^= 1
        joined.server.receive(bytes)
        #expect(joined.server.plaintext.isEmpty && joined.server.error?.kind == .protocolViolation)
        joined.client.receive(joined.server.drain())
        #expect(joined.client.error?.kind == .alertReceived(20))
    }

    @Test(arguments: 0..<200) func survivesChangedHandshakeBytes(_ seed: Int) throws {
        let joined = try JoinedSessions(
            client: TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")))),
            server: TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")])))
        joined.client.process()
        var hello = joined.client.drain()
        let noise = pattern(3, seed: UInt64(seed))
        // After the record's header, whose version no one checks.
        hello[5 + (Int(noise[0]) << 8 | Int(noise[1])) % (hello.count - 5)] ^= noise[2] | 1
        joined.server.receive(hello)
        joined.run()
        joined.server.end()
        joined.client.end()
        #expect(joined.server.handshake == nil && joined.server.error != nil)
        #expect(joined.client.error != nil)
    }

    @Test func boundsWhatWaits() throws {
        let joined = try joined()
        var flood: [UInt8] = []
        while flood.count <= TLSSession.ciphertextLimit {
            #expect(joined.client.send(pattern(16 << 10, seed: 5)))
            flood += joined.client.drain()
        }
        joined.server.receive(flood)
        #expect(joined.server.error?.kind == .limitExceeded)

        let hungry = JoinedSessions.End(
            try TLSSession(server: TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")]))))
        // A handshake record of 16 KiB, again and again, claims a ClientHello that never ends.
        let record: [UInt8] = [0x16, 3, 1, 0x40, 0] + [1, 0xFF, 0xFF, 0xFF] + Array(repeating: 0, count: (16 << 10) - 4)
        for _ in 0..<20 where hungry.error == nil { hungry.receive(record) }
        #expect(hungry.error != nil && hungry.handshake == nil)
    }

    @Test func keepsErrorsOfConnectionsApart() throws {
        let context = try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")]))
        let healthy = try joined()
        let broken = JoinedSessions.End(try TLSSession(server: context))
        broken.receive(Array("nonsense, not TLS".utf8))
        #expect(broken.error?.kind == .notTLS)
        #expect(healthy.client.send([1]))
        healthy.run()
        #expect(healthy.server.plaintext == [1] && healthy.server.error == nil)
        #expect(throws: TLSError.self) { try PEMFailure.provoke() }
        let later = try joined()
        #expect(later.client.error == nil && later.server.error == nil)
        let cut = try joined()
        cut.client.end()
        #expect(cut.client.error?.kind == .truncated, "not an error that another connection left")
    }

    enum PEMFailure {
        static func provoke() throws {
            _ = try TLSClientContext(TLSClientOptions(trust: .only(.bytes(Array("junk".utf8), name: "junk"))))
        }
    }

    @Test func neverAgreesOnOldVersions() throws {
        let servers = try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")], minimumVersion: .tls13))
        let clients = try TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")), maximumVersion: .tls12))
        let joined = try JoinedSessions(client: clients, server: servers)
        joined.run()
        #expect(joined.server.error?.kind == .versionMismatch)
        #expect(joined.client.error?.kind == .alertReceived(70))
        #expect(throws: TLSError.self) { try TLSClientContext(TLSClientOptions(minimumVersion: .tls13, maximumVersion: .tls12)) }
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func sharesContextsBetweenThreads(_ version: TLSVersion) async throws {
        let servers = try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")]))
        let clients = try TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")), maximumVersion: version))
        let resumed = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var resumed = 0
                    for _ in 0..<25 {
                        let joined = try JoinedSessions(client: clients, server: servers)
                        joined.run()
                        try #require(joined.client.send([1, 2, 3]))
                        joined.run()
                        try #require(joined.server.plaintext == [1, 2, 3])
                        if joined.server.handshake?.resumed == true { resumed += 1 }
                    }
                    return resumed
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(resumed > 0)
    }
}

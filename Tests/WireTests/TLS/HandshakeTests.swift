import Testing
import Wire

@Suite struct TLSHandshakeTests {
    let authority = TestAuthority.shared

    func client(_ change: (inout TLSClientOptions) -> Void = { _ in }) throws -> TLSClientContext {
        var options = TLSClientOptions(trust: .only(authority.certificate("root")), applicationProtocols: ["h2", "http/1.1"])
        change(&options)
        return try TLSClientContext(options)
    }

    func server(_ name: String = "server", _ change: (inout TLSServerOptions) -> Void = { _ in }) throws -> TLSServerContext {
        var options = TLSServerOptions(certificates: [authority.pair(name)])
        change(&options)
        return try TLSServerContext(options)
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func agreesAndCarriesBytesBothWays(_ version: TLSVersion) throws {
        let joined = try JoinedSessions(client: client { $0.maximumVersion = version }, server: server())
        joined.run()
        for end in [joined.client, joined.server] {
            #expect(end.error == nil)
            #expect(end.handshake?.version == version)
            #expect(end.handshake?.applicationProtocol == "h2")
            #expect(end.handshake?.resumed == false)
        }
        #expect(joined.server.handshake?.serverName == "localhost")
        #expect(joined.server.handshake?.peer == nil)
        #expect(joined.client.handshake?.peer?.dnsNames == ["localhost", "api.example.test"])
        #expect(joined.client.send(Array("ping".utf8)) && joined.server.send(Array("pong".utf8)))
        joined.run()
        #expect(joined.server.plaintext == Array("ping".utf8))
        #expect(joined.client.plaintext == Array("pong".utf8))
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func survivesASplitAtEveryOffset(_ version: TLSVersion) throws {
        let clients = try client {
            $0.maximumVersion = version
            $0.resumption = false
        }
        let servers = try server()
        let whole = try JoinedSessions(client: clients, server: servers)
        whole.run()
        let longest = max(whole.client.sent.count, whole.server.sent.count)
        try #require(longest > 500)
        for offset in 1...longest {
            let joined = try JoinedSessions(client: clients, server: servers)
            joined.run { before, waiting in before < offset ? offset - before : waiting }
            try #require(joined.client.handshake != nil && joined.server.handshake != nil, "split at \(offset)")
            try #require(joined.client.error == nil && joined.server.error == nil, "split at \(offset)")
        }
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func survivesSingleBytes(_ version: TLSVersion) throws {
        let joined = try JoinedSessions(client: client { $0.maximumVersion = version }, server: server())
        joined.run { _, _ in 1 }
        #expect(joined.client.handshake != nil && joined.server.handshake != nil)
        #expect(joined.client.send(Array("GET".utf8)) && joined.server.send(Array(repeating: 7, count: 20_000)))
        joined.client.session.close()
        joined.server.session.close()
        joined.run { _, _ in 1 }
        #expect(joined.server.plaintext == Array("GET".utf8) && joined.server.closed)
        #expect(joined.client.plaintext == Array(repeating: 7, count: 20_000) && joined.client.closed)
    }

    @Test(
        arguments: [
            (["h2", "http/1.1"], ["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], ["h2", "http/1.1"], "h2"),
            (["http/1.1"], ["h2", "http/1.1"], "http/1.1"), (["h2"], ["http/1.1", "h2"], "h2"), ([], ["h2"], nil), (["h2"], [], nil),
        ] as [([String], [String], String?)])
    func negotiatesTheApplicationProtocol(_ offered: [String], _ spoken: [String], _ chosen: String?) throws {
        let joined = try JoinedSessions(
            client: client { $0.applicationProtocols = offered }, server: server { $0.applicationProtocols = spoken })
        joined.run()
        #expect(joined.client.handshake?.applicationProtocol == chosen)
        #expect(joined.server.handshake?.applicationProtocol == chosen)
    }

    @Test func refusesAClientWithoutACommonApplicationProtocol() throws {
        let joined = try JoinedSessions(client: client { $0.applicationProtocols = ["h3"] }, server: server())
        joined.run()
        #expect(joined.server.error?.kind == .protocolMismatch)
        #expect(joined.client.error?.kind == .alertReceived(120))
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func resumesSessions(_ version: TLSVersion) throws {
        let clients = try client { $0.maximumVersion = version }
        let servers = try server()
        for round in 0..<4 {
            let joined = try JoinedSessions(client: clients, server: servers)
            joined.run()
            #expect(joined.client.handshake?.resumed == (round > 0))
            #expect(joined.server.handshake?.resumed == (round > 0))
            #expect(joined.client.handshake?.peer?.dnsNames == ["localhost", "api.example.test"])
        }
        let elsewhere = try JoinedSessions(client: clients, server: servers, name: "api.example.test")
        elsewhere.run()
        #expect(elsewhere.client.handshake?.resumed == false, "a session belongs to the name under which it was made")
        let reloaded = try JoinedSessions(client: clients, server: server())
        reloaded.run()
        #expect(reloaded.client.error == nil && reloaded.client.handshake?.resumed == false, "a reload makes new ticket keys")
    }

    @Test func usesATicketOnce() throws {
        let clients = try client()
        let servers = try server()
        let first = try JoinedSessions(client: clients, server: servers)
        first.run()
        let second = try JoinedSessions(client: clients, server: servers)
        let third = try JoinedSessions(client: clients, server: servers)
        second.run()
        third.run()
        #expect(second.client.handshake?.resumed == true)
        #expect(third.client.handshake?.resumed == false)
    }

    @Test(
        arguments: [
            ("localhost", "server", nil), ("LOCALHOST.", "server", nil), ("127.0.0.1", "server", nil), ("::1", "server", nil),
            ("[::1]", "server", nil),
            ("127.0.0.2", "server", .wrongName), ("example.test", "server", .wrongName), ("x.api.example.test", "server", .wrongName),
            ("a.wild.test", "wildcard", nil), ("wild.test", "wildcard", .wrongName), ("a.b.wild.test", "wildcard", .wrongName),
            ("ab.wild.test", "partial-wildcard", .wrongName), ("localhost", "name-only", .wrongName), ("localhost", "nul-name", .wrongName),
        ] as [(String, String, TLSError.Kind?)])
    func checksTheName(_ name: String, _ certificate: String, _ kind: TLSError.Kind?) throws {
        let certificates = certificate == "nul-name" ? nil : try server(certificate)
        guard let certificates else {
            #expect(throws: TLSError.self) { try server(certificate) }
            return
        }
        let joined = try JoinedSessions(client: client(), server: certificates, name: name)
        joined.run()
        #expect(joined.client.error?.kind == kind)
        #expect((joined.client.handshake == nil) == (kind != nil))
        if kind != nil { #expect(joined.server.error != nil) }
    }

    @Test(arguments: ["", ".", "a b", "a\0b", "*.example.test", "bücher.example", String(repeating: "a", count: 254)])
    func refusesAnImpossibleServerName(_ name: String) throws {
        let clients = try client()
        #expect(throws: TLSError.self) { try TLSSession(client: clients, serverName: name) }
    }
}

import Testing
import Wire

/// Which certificate is refused by whom and why.
@Suite struct TLSCertificateTests {
    static let authority = TestAuthority.shared
    var authority: TestAuthority { Self.authority }

    struct ServerCase: Sendable, CustomTestStringConvertible {
        let certificate: String
        var trusted = "root"
        let kind: TLSError.Kind?
        let alert: UInt8
        var testDescription: String { "\(certificate) trusting \(trusted)" }
    }

    @Test(arguments: [
        ServerCase(certificate: "server", kind: nil, alert: 0), ServerCase(certificate: "server-rsa", kind: .wrongName, alert: 42),
        ServerCase(certificate: "server", trusted: "other", kind: .unknownIssuer, alert: 48),
        ServerCase(certificate: "by-other", kind: .unknownIssuer, alert: 48),
        ServerCase(certificate: "self-signed", kind: .selfSigned, alert: 48),
        ServerCase(certificate: "self-signed", trusted: "self-signed", kind: nil, alert: 0),
        ServerCase(certificate: "server", trusted: "server", kind: nil, alert: 0),
        ServerCase(certificate: "under-middle", kind: .unknownIssuer, alert: 48),
        ServerCase(certificate: "under-middle", trusted: "middle", kind: nil, alert: 0),
        ServerCase(certificate: "full-chain", kind: nil, alert: 0),
        ServerCase(certificate: "expired", kind: .expired, alert: 45),
        ServerCase(certificate: "future", kind: .notYetValid, alert: 42),
        ServerCase(certificate: "nul-name", kind: .wrongName, alert: 42),
        ServerCase(certificate: "client", kind: .wrongPurpose, alert: 43),
    ]) func clientJudgesTheServer(_ row: ServerCase) throws {
        let key = row.certificate == "full-chain" ? "under-middle" : row.certificate
        let pair = TLSCertificateKey(certificate: authority.certificate(row.certificate), privateKey: authority.key(key))
        for version in [TLSVersion.tls12, .tls13] {
            let joined = try JoinedSessions(
                client: TLSClientContext(TLSClientOptions(trust: .only(authority.certificate(row.trusted)), maximumVersion: version)),
                server: TLSServerContext(TLSServerOptions(certificates: [pair]), checksCertificates: false))
            joined.run()
            #expect(joined.client.error?.kind == row.kind, "\(version): \(joined.client.error?.sentence ?? "no error")")
            #expect((joined.client.handshake == nil) == (row.kind != nil))
            if row.kind != nil { #expect(joined.server.error?.kind == .alertReceived(row.alert), "\(version)") }
        }
    }

    @Test func namesWhatWasExpectedAndFound() throws {
        let joined = try JoinedSessions(
            client: TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")))),
            server: TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")])), name: "chime.example.test")
        joined.run()
        #expect(
            joined.client.error?.sentence == "the server's certificate is not for chime.example.test; it is for localhost, api.example.test"
        )
    }

    struct ClientCase: Sendable, CustomTestStringConvertible {
        let certificate: String?
        var revocation: String?
        var required = true
        let kind: TLSError.Kind?
        var alert: UInt8 = 0
        var testDescription: String { "\(certificate ?? "none"), \(revocation ?? "no") list, \(required ? "required" : "optional")" }
    }

    @Test(arguments: [
        ClientCase(certificate: "client", kind: nil), ClientCase(certificate: "client", required: false, kind: nil),
        ClientCase(certificate: nil, required: false, kind: nil), ClientCase(certificate: nil, kind: .noClientCertificate, alert: 116),
        ClientCase(certificate: "client-other", kind: .unknownIssuer, alert: 48),
        ClientCase(certificate: "client-other", required: false, kind: .unknownIssuer, alert: 48),
        ClientCase(certificate: "client-expired", kind: .expired, alert: 45),
        ClientCase(certificate: "client-future", kind: .notYetValid, alert: 42),
        ClientCase(certificate: "client-server-use", kind: .wrongPurpose, alert: 43),
        ClientCase(certificate: "client-middle", kind: .unknownIssuer, alert: 48), ClientCase(certificate: "client-chain", kind: nil),
        ClientCase(certificate: "client-revoked", kind: nil), ClientCase(certificate: "client", revocation: "root.crl", kind: nil),
        ClientCase(certificate: "client-revoked", revocation: "root.crl", kind: .revoked, alert: 44),
        ClientCase(certificate: "client-revoked", revocation: "both.crl", required: false, kind: .revoked, alert: 44),
        ClientCase(certificate: "client", revocation: "other.crl", kind: .revocationUnknown, alert: 48),
        ClientCase(certificate: "client-chain", revocation: "both.crl", kind: nil),
        ClientCase(certificate: "client-chain", revocation: "root.crl", kind: .revocationUnknown, alert: 48),
        ClientCase(certificate: "client-nul", kind: .invalidCertificate),
    ]) func serverJudgesTheClient(_ row: ClientCase) throws {
        let trust = TLSServerOptions.ClientTrust(
            authorities: authority.certificate("root"), revocationLists: row.revocation.map { .file(authority.file($0)) })
        let key = row.certificate == "client-chain" ? "client-middle" : row.certificate
        let pair = row.certificate.map { TLSCertificateKey(certificate: authority.certificate($0), privateKey: authority.key(key ?? "")) }
        for version in [TLSVersion.tls12, .tls13] {
            let server = try TLSServerContext(
                TLSServerOptions(
                    certificates: [authority.pair("server")], clientAuthentication: row.required ? .required(trust) : .optional(trust)))
            let client = try TLSClientContext(
                TLSClientOptions(trust: .only(authority.certificate("root")), maximumVersion: version, clientCertificate: pair))
            let joined = try JoinedSessions(client: client, server: server)
            joined.run()
            #expect(joined.server.error?.kind == row.kind, "\(version): \(joined.server.error?.sentence ?? "no error")")
            #expect((joined.server.handshake == nil) == (row.kind != nil), "\(version)")
            #expect(joined.server.plaintext.isEmpty)
            if row.kind == nil {
                #expect((joined.server.handshake?.peer == nil) == (row.certificate == nil))
            } else if row.alert == 116, version == .tls12 {
                #expect(joined.client.error?.kind == .alertReceived(40))
            } else if row.alert != 0 {
                #expect(joined.client.error?.kind == .alertReceived(row.alert), "\(version): \(joined.client.error?.sentence ?? "none")")
            }
        }
    }

    @Test func keepsTheClientsIdentityOverResumption() throws {
        let trust = TLSServerOptions.ClientTrust(authorities: authority.certificate("root"))
        let server = try TLSServerContext(
            TLSServerOptions(certificates: [authority.pair("server")], clientAuthentication: .required(trust)))
        let client = try TLSClientContext(
            TLSClientOptions(trust: .only(authority.certificate("root")), clientCertificate: authority.pair("client")))
        for round in 0..<2 {
            let joined = try JoinedSessions(client: client, server: server)
            joined.run()
            #expect(joined.server.handshake?.resumed == (round == 1))
            let peer = try #require(joined.server.handshake?.peer)
            #expect(peer.subject == "CN=billing,O=Example")
            #expect(peer.dnsNames == ["billing.example.test"])
            #expect(try peer.spiffeID() == "spiffe://example.test/ns/a/sa/billing")
        }
    }

    @Test(
        arguments: [
            ([], nil, false), (["https://a"], nil, false), (["spiffe://a/b"], "spiffe://a/b", false),
            (["spiffe://a/b", "spiffe://a/c"], nil, true), (["spiffe://a/b", "https://a"], nil, true),
            (["https://a", "SPIFFE://a/b"], nil, true),
        ] as [([String], String?, Bool)]) func takesExactlyOneSPIFFEName(_ uris: [String], _ id: String?, _ fails: Bool) throws
    {
        let identity = TLSPeerIdentity(subject: "CN=a", dnsNames: [], uriNames: uris)
        if fails {
            #expect(throws: TLSError.self) { try identity.spiffeID() }
        } else {
            #expect(try identity.spiffeID() == id)
        }
    }

    @Test(arguments: [
        ("rsa.example.test", "rsa.example.test"), ("RSA.example.test", "rsa.example.test"), ("a.wild.test", "*.wild.test"),
        ("localhost", "localhost"), ("unknown.example.test", "localhost"), ("127.0.0.1", "localhost"), ("a.b.wild.test", "localhost"),
    ]) func choosesTheCertificateByName(_ asked: String, _ expected: String) throws {
        let server = try TLSServerContext(
            TLSServerOptions(certificates: [authority.pair("server"), authority.pair("server-rsa"), authority.pair("wildcard")]))
        let joined = try JoinedSessions(
            client: TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")))), server: server, name: asked)
        joined.run()
        if let peer = joined.client.handshake?.peer {
            #expect(peer.dnsNames.first == expected)
        } else {
            #expect(joined.client.error?.sentence.contains("it is for \(expected)") == true)
        }
    }

    @Test func negotiatesAndResumesUnderEachName() throws {
        let server = try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server"), authority.pair("wildcard")]))
        let client = try TLSClientContext(TLSClientOptions(trust: .only(authority.certificate("root")), applicationProtocols: ["http/1.1"]))
        for round in 0..<2 {
            for name in ["localhost", "a.wild.test"] {
                let joined = try JoinedSessions(client: client, server: server, name: name)
                joined.run()
                #expect(joined.client.handshake?.applicationProtocol == "http/1.1")
                #expect(joined.client.handshake?.resumed == (round == 1))
            }
        }
    }

    struct StartCase: Sendable, CustomTestStringConvertible {
        let certificate: String
        let key: String
        let kind: TLSError.Kind
        /// What the sentence must say.
        let says: String
        var testDescription: String { "\(certificate) with \(key)" }
    }

    @Test(arguments: [
        StartCase(certificate: "server.crt", key: "client.key", kind: .configuration, says: "does not match"),
        StartCase(certificate: "expired.crt", key: "expired.key", kind: .expired, says: "expired on"),
        StartCase(certificate: "future.crt", key: "future.key", kind: .notYetValid, says: "not valid before"),
        StartCase(certificate: "gap-chain.crt", key: "under-middle.key", kind: .configuration, says: "chain is incomplete"),
        StartCase(certificate: "with-aia.crt", key: "with-aia.key", kind: .configuration, says: "chain is incomplete"),
        StartCase(certificate: "absent.crt", key: "server.key", kind: .configuration, says: "No such file"),
        StartCase(certificate: "server.crt", key: "absent.key", kind: .configuration, says: "No such file"),
        StartCase(certificate: "junk.crt", key: "server.key", kind: .configuration, says: "no PEM certificate"),
        StartCase(certificate: "damaged.crt", key: "server.key", kind: .configuration, says: "certificate 1 cannot be read"),
        StartCase(certificate: "server.key", key: "server.key", kind: .configuration, says: "no PEM certificate"),
        StartCase(certificate: "server.crt", key: "server.crt", kind: .configuration, says: "no PEM private key"),
        StartCase(certificate: "server.crt", key: "junk.crt", kind: .configuration, says: "no PEM private key"),
        StartCase(certificate: "server.crt", key: "encrypted.key", kind: .configuration, says: "is encrypted"),
        StartCase(certificate: "nul-name.crt", key: "nul-name.key", kind: .configuration, says: "alternative names"),
    ]) func saysAtStartWhatIsWrong(_ row: StartCase) throws {
        let pair = TLSCertificateKey(certificate: .file(authority.file(row.certificate)), privateKey: .file(authority.file(row.key)))
        let error = try #require(throws: TLSError.self) { try TLSServerContext(TLSServerOptions(certificates: [pair])) }
        #expect(error.kind == row.kind)
        #expect(error.sentence.contains(row.says), "\(error.sentence)")
        #expect(error.sentence.contains(authority.directory), "the file is named: \(error.sentence)")
    }

    @Test func saysAtStartWhatIsWrongWithClientTrust() throws {
        func start(_ authorities: String, _ lists: String?) throws -> TLSServerContext {
            let trust = TLSServerOptions.ClientTrust(
                authorities: .file(authority.file(authorities)), revocationLists: lists.map { .file(authority.file($0)) })
            return try TLSServerContext(TLSServerOptions(certificates: [authority.pair("server")], clientAuthentication: .required(trust)))
        }
        #expect(throws: TLSError.self) { try start("junk.crt", nil) }
        #expect(throws: TLSError.self) { try start("root.crt", "junk.crt") }
        #expect(try #require(throws: TLSError.self) { try start("root.crt", "old.crl") }.kind == .expired)
        #expect(try start("root.crt", "root.crl").warnings.isEmpty)
        #expect(try start("root.crt", "other.crl").warnings.count == 1)
        #expect(try start("expired.crt", nil).warnings.contains { $0.contains("expired on") })
    }

    @Test func doubtsAChainThatItCannotJudge() throws {
        #expect(try TLSServerContext(TLSServerOptions(certificates: [authority.pair("under-middle")])).warnings.count == 1)
        #expect(try TLSServerContext(TLSServerOptions(certificates: [authority.pair("self-signed")])).warnings.isEmpty)
        let trust = TLSServerOptions.ClientTrust(authorities: authority.certificate("middle"))
        #expect(throws: TLSError.self) {
            try TLSServerContext(TLSServerOptions(certificates: [authority.pair("under-middle")], clientAuthentication: .required(trust)))
        }
    }

    @Test func provesThatAnonymousClientsAreRefused() throws {
        let trust = TLSServerOptions.ClientTrust(authorities: authority.certificate("root"))
        func context(_ authentication: TLSServerOptions.ClientAuthentication, minimum: TLSVersion = .tls12) throws -> TLSServerContext {
            try TLSServerContext(
                TLSServerOptions(certificates: [authority.pair("server")], minimumVersion: minimum, clientAuthentication: authentication))
        }
        try context(.required(trust)).verifyRefusalOfAnonymousClients()
        try context(.required(trust), minimum: .tls13).verifyRefusalOfAnonymousClients()
        #expect(throws: TLSError.self) { try context(.optional(trust)).verifyRefusalOfAnonymousClients() }
        #expect(throws: TLSError.self) { try context(.none).verifyRefusalOfAnonymousClients() }
    }
}

import Digests
import GatewayCore
import Testing

@testable import GatewayConfig

@Suite struct EffectiveValueTests {
    private static let least = """
        { "listeners": [{ "bind": "127.0.0.1:0" }],
          "credentials": { "c": { "type": "static", "accessKeyId": "AKID", "secretAccessKey": "s" } },
          "upstreams": { "u": { "url": "URL", "service": "chime", "region": "us-east-1", "credentials": "c" } },
          "limits": { "l": { "rate": "RATE" } },
          "routes": [{ "operation": "X", "method": "METHOD", "path": "/a/{b}/{c}", "upstream": "u" }], "admin": {} }
        """

    private func settings(url: String = "https://host", rate: String = "1/s", method: String = "GET") throws -> Settings {
        let json = Self.least.split(separator: "URL").joined(separator: url).split(separator: "RATE").joined(separator: rate)
            .split(separator: "METHOD").joined(separator: method)
        return try ConfigurationLoader.read(json: json, directory: "/etc/countersign")
    }

    @Test func absentKeysHaveTheirDefaults() throws {
        let settings = try settings()
        #expect(settings.listeners == [ListenerSettings(bind: .tcp(host: "127.0.0.1", address: IPAddress("127.0.0.1"), port: 0))])
        #expect(
            settings.listeners.first?.timeouts
                == ListenerTimeouts(headNanoseconds: 10_000_000_000, bodyNanoseconds: 30_000_000_000, idleNanoseconds: 60_000_000_000))
        #expect(
            settings.listeners.first?.limits
                == ListenerLimits(
                    startLineBytes: 8192, fieldCount: 100, headBytes: 65536, bodyBytes: 1_048_576, connections: 10_000,
                    connectionsPerAddress: nil))
        #expect(settings.admin?.bind.description == "127.0.0.1:9901")
        #expect(settings.callers == nil && settings.audit == nil && settings.limitStore == nil)
        #expect(settings.routes.first?.parameters == [ParameterRule(name: "b"), ParameterRule(name: "c")])
        #expect(settings.routes.first?.callers == nil)
        let upstream = try #require(settings.upstreams.first)
        #expect(upstream.connectTimeoutNanoseconds == 2_000_000_000 && upstream.responseTimeoutNanoseconds == 10_000_000_000)
        #expect(upstream.idleTimeoutNanoseconds == 40_000_000_000 && upstream.maxConnections == 64 && upstream.maxInFlight == nil)
        #expect(upstream.http2 == .auto && upstream.mayUseHTTP2 == upstream.usesTLS)
        #expect(upstream.pingIntervalNanoseconds == 30_000_000_000 && upstream.pingTimeoutNanoseconds == 10_000_000_000)
    }

    @Test func everyKeyOfTheSampleArrives() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let settings = try ConfigurationLoader.read(json: Sample.json, directory: folder.path)
        let listener = try #require(settings.listeners.first)
        #expect(
            listener.timeouts
                == ListenerTimeouts(headNanoseconds: 5_000_000_000, bodyNanoseconds: 20_000_000_000, idleNanoseconds: 120_000_000_000))
        #expect(
            listener.limits
                == ListenerLimits(
                    startLineBytes: 4096, fieldCount: 50, headBytes: 32768, bodyBytes: 0, connections: 500, connectionsPerAddress: 5))
        #expect(settings.listeners[1].bind == .unix(path: folder.path + "/gateway.sock"))
        #expect(settings.listeners[1].unixMode == 0o600)
        #expect(settings.listeners[2].tls?.clientCertificate == .optional)
        #expect(settings.listeners[2].tls?.crlFile == folder.path + "/crl.pem")
        #expect(
            settings.listeners[2].tls?.additionalIdentities == [
                CertificateFiles(certificate: folder.path + "/other.crt", privateKey: folder.path + "/other.key")
            ])
        let upstream = try #require(settings.upstreams.first)
        #expect(upstream.connectTimeoutNanoseconds == 1_000_000_000 && upstream.responseTimeoutNanoseconds == 3_000_000_000)
        #expect(upstream.idleTimeoutNanoseconds == 30_000_000_000 && upstream.maxConnections == 8 && upstream.maxInFlight == 16)
        #expect(upstream.caFile == folder.path + "/upstream.pem" && upstream.http2 == .required && upstream.mayUseHTTP2)
        #expect(upstream.pingIntervalNanoseconds == 20_000_000_000 && upstream.pingTimeoutNanoseconds == 4_000_000_000)
        #expect(settings.callers?[1] == CallerRule(name: "number-lifecycle", unixUserID: 1001, unixGroupID: 1002))
        let route = try #require(settings.routes.first)
        #expect(
            settings.callers?[4] == CallerRule(name: "reports", dnsName: "reports.example.internal", subject: "CN=reports,O=Example"))
        #expect(
            settings.callers?[5].allOf == [
                .spiffeID("spiffe://example.internal/sa/audited"), .token(Array(repeating: 0, count: 31) + [0xFE]),
            ])
        #expect(
            route.callerConditions == [
                RouteCallerRule(
                    name: "reports",
                    parameters: [
                        ParameterRule(name: "phoneNumberId", format: .e164, deny: ["+12065550198"], allowPrefix: ["+1206"])
                    ])
            ])
        #expect(route.mode == .enforce && route.parameters[0].allowPrefix == ["+1"])
        #expect(
            route.callers == ["billing", "local", "reports"] && route.throttleStyle == .retryable && route.allowsBody && route.allowsQuery)
        let audit = try #require(settings.audit)
        #expect(audit.path == folder.path + "/audit.jsonl" && audit.mirrorPath == folder.path + "/mirror.jsonl")
        #expect(audit.sync == .interval && audit.subject == .pseudonym(key: SecretBytes(Array("0123456789abcdef".utf8))))
        #expect(
            audit.rotation
                == AuditRotationRule(byteLimit: 100_000_000, ageMilliseconds: 86_400_000, keptFileCount: 30, compresses: true))
        #expect(
            audit.checkpoint
                == AuditCheckpointRule(recordCount: 500, intervalMilliseconds: 30_000, key: SecretBytes("fedcba9876543210")))
        #expect(settings.drain == DrainSettings(delayNanoseconds: 0, timeoutNanoseconds: 20_000_000_000))
        #expect(
            settings.limitStore
                == LimitStoreSettings(
                    host: "cache.internal", port: 6380, usesTLS: true, user: "app", password: Secret("p@ss"), database: 2, keyPrefix: "cs:",
                    onStoreFailure: .deny, timeoutNanoseconds: 50_000_000))
    }

    @Test(arguments: [
        ("https://service.chime.aws.amazon.com", true, "service.chime.aws.amazon.com", 443, "service.chime.aws.amazon.com"),
        ("https://Host.Example/", true, "host.example", 443, "host.example"), ("https://host:8443", true, "host", 8443, "host:8443"),
        ("http://host", false, "host", 80, "host"), ("http://127.0.0.1:8001", false, "127.0.0.1", 8001, "127.0.0.1:8001"),
        ("https://[::1]", true, "::1", 443, "[::1]"), ("HTTPS://[0:0:0:0:0:0:0:1]:80", true, "::1", 80, "[::1]:80"),
        ("http://host:80", false, "host", 80, "host"),
    ])
    func urlsComeApart(url: String, usesTLS: Bool, host: String, port: Int, authority: String) throws {
        let upstream = try #require(try settings(url: url).upstreams.first)
        #expect(upstream.usesTLS == usesTLS && upstream.host == host && upstream.port == port)
        #expect(upstream.authority == authority && upstream.address == IPAddress(host))
        #expect(upstream.url == (usesTLS ? "https://" : "http://") + authority)
    }

    @Test(
        arguments: [
            ("10/s", 10, 1_000_000_000, 10), ("300/m", 300, 60_000_000_000, 5), ("100/h", 100, 3_600_000_000_000, 1),
            ("500/d", 500, 86_400_000_000_000, 1), ("61/m", 61, 60_000_000_000, 2), ("1000000/s", 1_000_000, 1_000_000_000, 1_000_000),
        ] as [(String, UInt64, UInt64, UInt64)])
    func ratesAndTheirDefaultBursts(text: String, count: UInt64, period: UInt64, burst: UInt64) throws {
        let limit = try #require(try settings(rate: text).limits.first)
        #expect(limit == LimitRule(name: "l", rate: Rate(count: count, periodNanoseconds: period), burst: burst, scope: .upstream))
    }

    @Test(arguments: [("GET", false), ("DELETE", false), ("POST", true), ("PUT", true), ("PATCH", true)])
    func onlySomeMethodsHaveABodyByDefault(method: String, allowsBody: Bool) throws {
        let route = try #require(try settings(method: method).routes.first)
        #expect(route.allowsBody == allowsBody && !route.allowsQuery)
    }

    @Test(
        arguments: [
            ("0s", 0, "0s"), ("250ms", 250_000_000, "250ms"), ("2s", 2_000_000_000, "2s"), ("1000ms", 1_000_000_000, "1s"),
            ("90s", 90_000_000_000, "90s"),
            ("5m", 300_000_000_000, "5m"), ("60m", 3_600_000_000_000, "1h"), ("7d", 604_800_000_000_000, "7d"),
        ] as [(String, UInt64, String)])
    func durations(text: String, nanoseconds: UInt64, written: String) throws {
        #expect(try DurationText.parse(text) == nanoseconds)
        #expect(DurationText.write(nanoseconds) == written)
    }

    @Test(arguments: [
        ("127.0.0.1:0", true), ("127.8.9.1:80", true), ("[::1]:80", true), ("localhost:80", true), ("unix:/x", true), ("0.0.0.0:80", false),
        ("[::]:80", false), ("10.0.0.1:80", false), ("host.internal:80", false), ("[::ffff:1]:80", false),
    ])
    func whoCanReachAnAddress(text: String, isLocal: Bool) throws {
        let bind = try BindAddressText.parse(text, directory: "/")
        #expect(bind.isLocal == isLocal)
        #expect(bind.description == text)
    }
}

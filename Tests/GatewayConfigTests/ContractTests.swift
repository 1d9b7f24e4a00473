import Foundation
import GatewayCore
import Testing

@testable import GatewayConfig

/// The configuration that the documentation shows, word for word.
@Suite struct ContractTests {
    private static let json = """
        {
          "listeners": [ { "bind": "127.0.0.1:8080" },
                         { "bind": "unix:/run/countersign/gateway.sock", "mode": "0660" },
                         { "bind": "0.0.0.0:8443", "tls": { "certificate": "tls.crt", "privateKey": "tls.key", "clientCA": "clients.pem" } } ],
          "admin": { "bind": "127.0.0.1:9901" },
          "credentials": { "chime": { "type": "static", "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "...", "sessionToken": "optional" } },
          "upstreams": { "chime": { "url": "https://service.chime.aws.amazon.com", "service": "chime", "region": "us-east-1",
                                    "credentials": "chime", "connectTimeout": "2s", "responseTimeout": "10s", "idleTimeout": "40s",
                                    "maxConnections": 64, "caFile": "optional" } },
          "callers": [ { "name": "local", "networks": ["127.0.0.1/32", "::1/128"] },
                       { "name": "number-lifecycle", "unixUid": 1001 },
                       { "name": "billing", "tokenSha256": "64 hex digits" },
                       { "name": "provisioning", "spiffeId": "spiffe://example.internal/ns/telephony/sa/provisioning" } ],
          "limits": { "account":    { "rate": "10/s", "burst": 20, "per": "upstream", "maxWait": "250ms", "adaptive": true },
                      "fair-share": { "rate": "5/s", "burst": 10, "per": "caller" },
                      "fuse":       { "rate": "500/d", "burst": 500, "per": "caller" } },
          "routes": [ { "operation": "DeletePhoneNumber", "method": "DELETE", "path": "/phone-numbers/{phoneNumberId}",
                        "upstream": "chime", "parameters": { "phoneNumberId": { "format": "e164", "deny": ["+12065550199"] } },
                        "callers": ["*"], "limits": ["account", "fair-share", "fuse"], "throttleStyle": "modeled" } ],
          "audit": { "file": { "path": "audit.jsonl", "sync": "always" }, "subject": "plain" }
        }
        """

    /// It writes "optional" for a file and "64 hex digits" for some: those two are the only things wrong with it.
    @Test func onlyItsPlaceholdersAreMistakes() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        #expect(Sample.mistakes(in: Self.json, folder: folder).map(\.path) == ["upstreams.chime.caFile", "callers[2].tokenSha256"])
    }

    @Test func yieldsWhatItSays() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let json = Self.json.replacingOccurrences(of: "64 hex digits", with: String(repeating: "aB", count: 32))
            .replacingOccurrences(of: ", \"caFile\": \"optional\"", with: "")
        let settings = try ConfigurationLoader.read(json: json, directory: folder.path)
        #expect(
            settings.listeners == [
                ListenerSettings(bind: .tcp(host: "127.0.0.1", address: IPAddress("127.0.0.1"), port: 8080)),
                ListenerSettings(bind: .unix(path: "/run/countersign/gateway.sock"), unixMode: 0o660),
                ListenerSettings(
                    bind: .tcp(host: "0.0.0.0", address: IPAddress("0.0.0.0"), port: 8443),
                    tls: ListenerTLSSettings(
                        identity: CertificateFiles(certificate: folder.path + "/tls.crt", privateKey: folder.path + "/tls.key"),
                        clientCA: folder.path + "/clients.pem", clientCertificate: .required)),
            ])
        #expect(settings.admin == AdminSettings(bind: .tcp(host: "127.0.0.1", address: IPAddress("127.0.0.1"), port: 9901)))
        #expect(
            settings.credentials["chime"]?.source
                == .fixed(accessKeyID: "AKIDEXAMPLE", secretAccessKey: Secret("..."), sessionToken: Secret("optional")))
        #expect(
            settings.upstreams == [
                UpstreamSettings(
                    name: "chime", usesTLS: true, host: "service.chime.aws.amazon.com", port: 443, service: "chime", region: "us-east-1",
                    credentials: "chime")
            ])
        #expect(
            settings.callers == [
                CallerRule(name: "local", networks: [try NetworkPrefix(cidr: "127.0.0.1/32"), try NetworkPrefix(cidr: "::1/128")]),
                CallerRule(name: "number-lifecycle", unixUserID: 1001),
                CallerRule(name: "billing", tokenDigest: Array(repeating: 0xAB, count: 32)),
                CallerRule(name: "provisioning", spiffeID: "spiffe://example.internal/ns/telephony/sa/provisioning"),
            ])
        #expect(
            settings.limits == [
                LimitRule(
                    name: "account", rate: Rate(count: 10, periodNanoseconds: 1_000_000_000), burst: 20, scope: .upstream,
                    maxWaitNanoseconds: 250_000_000, isAdaptive: true),
                LimitRule(name: "fair-share", rate: Rate(count: 5, periodNanoseconds: 1_000_000_000), burst: 10, scope: .caller),
                LimitRule(name: "fuse", rate: Rate(count: 500, periodNanoseconds: 86_400_000_000_000), burst: 500, scope: .caller),
            ])
        #expect(
            settings.routes == [
                RouteRule(
                    operation: "DeletePhoneNumber", method: "DELETE", template: "/phone-numbers/{phoneNumberId}",
                    segments: [.literal("phone-numbers"), .parameter("phoneNumberId")], upstream: "chime",
                    parameters: [ParameterRule(name: "phoneNumberId", format: .e164, deny: ["+12065550199"])], callers: nil,
                    limits: ["account", "fair-share", "fuse"])
            ])
        #expect(settings.audit == AuditRule(path: folder.path + "/audit.jsonl", sync: .always, subject: .plain))
        #expect(settings.drain == DrainSettings(delayNanoseconds: 500_000_000, timeoutNanoseconds: 10_000_000_000))
        #expect(settings.limitStore == nil)
    }
}

import GatewayCore
import Testing

@testable import GatewayConfig

@Suite struct SettingsSummaryTests {
    private static let route = RouteRule(
        operation: "DeletePhoneNumber", method: "DELETE", template: "/phone-numbers/{phoneNumberId}",
        segments: [.literal("phone-numbers"), .parameter("phoneNumberId")], upstream: "chime")

    @Test(
        arguments: [
            (
                ("10/s", 20, LimitScope.upstream, 250_000_000, false),
                "10 per second, bursts of 20, shared by all callers of chime; waits up to 250 ms"
            ),
            (
                ("10/s", 20, .upstream, 0, true),
                "10 per second, bursts of 20, shared by all callers of chime; slows down when chime throttles"
            ),
            (("5/s", 10, .caller, 0, false), "5 per second, bursts of 10, for each caller"),
            (("500/d", 500, .caller, 0, false), "500 per day, bursts of 500, for each caller"),
            (
                ("300/m", 1, .route, 2_000_000_000, false),
                "300 per minute, one at a time, shared by all callers of DeletePhoneNumber; waits up to 2 s"
            ),
            (
                ("100/h", 2, .callerAndRoute, 60_000_000_000, false),
                "100 per hour, bursts of 2, for each caller of DeletePhoneNumber; waits up to 1 min"
            ),
        ] as [((String, UInt64, LimitScope, UInt64, Bool), String)])
    func limitsInWords(rule: (rate: String, burst: UInt64, scope: LimitScope, maxWait: UInt64, isAdaptive: Bool), words: String) throws {
        let limit = LimitRule(
            name: "x", rate: try RateText.parse(rule.rate), burst: rule.burst, scope: rule.scope, maxWaitNanoseconds: rule.maxWait,
            isAdaptive: rule.isAdaptive)
        #expect(SettingsSummary.words(limit, route: Self.route) == words)
    }

    @Test func tellsTheWholeSample() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let settings = try ConfigurationLoader.read(json: Sample.json, directory: folder.path)
        let expected = """
            Listeners
              127.0.0.1:8080  plain HTTP
                head within 5 s, body within 20 s, closed after 2 min idle
                start line 4096 bytes, 50 fields, head 32768 bytes, body 0 bytes, 500 connections, 5 from one address
              unix:FOLDER/gateway.sock  plain HTTP, shared with a successor, mode 0600
                head within 10 s, body within 30 s, closed after 1 min idle
                start line 8192 bytes, 100 fields, head 65536 bytes, body 1048576 bytes, 10000 connections
              0.0.0.0:8443  TLS with FOLDER/tls.crt and 1 more by server name, client certificate optional (FOLDER/clients.pem), revoked ones in FOLDER/crl.pem
                head within 10 s, body within 30 s, closed after 1 min idle
                start line 8192 bytes, 100 fields, head 65536 bytes, body 1048576 bytes, 10000 connections
            Admin
              [::1]:9901
                freeze, thaw and quit with a token; a freeze is kept in FOLDER/freeze
            Upstreams
              chime  https://service.chime.aws.amazon.com
                signed for chime in us-east-1 with credentials chime (static, key AKID..., with session token)
                connects within 1 s, answers within 3 s, at most 8 connections, closed after 30 s idle
                HTTP/2 only, pinged after 20 s of silence, answering within 4 s
                at most 16 requests at once
                trusts FOLDER/upstream.pem
            Callers
              local  from 127.0.0.1/32, ::1/128
              number-lifecycle  unix uid 1001, or unix gid 1002
              billing  token
              provisioning  spiffe://example.internal/ns/telephony/sa/provisioning
              reports  certificate with DNS name reports.example.internal, or certificate of CN=reports,O=Example
              audited  spiffe://example.internal/sa/audited, together with token
            Routes
              DELETE /phone-numbers/{phoneNumberId}  DeletePhoneNumber at chime
                phoneNumberId: an E.164 number beginning with +1, 1 protected
                takes a query and a body
                callers: billing, local, reports
                  reports: phoneNumberId beginning with +1206, 1 denied
                limit account: 10 per second, bursts of 20, shared by all callers of chime; waits up to 250 ms; slows down when chime throttles
                limit fuse: 500 per day, bursts of 500, for each caller
                throttled callers see ThrottlingException, which SDKs retry
            Audit
              FOLDER/audit.jsonl  synced to disk every second, phone numbers as pseudonyms
                and in FOLDER/mirror.jsonl, else refused
                rotated at 100 MB or after 1 d, the newest 30 old files are kept, compressed
                signed every 500 records or 30 s with hmac-sha256
                shipped to syslog+tls://collector.internal:6515  RFC 5424, facility local3, name cs, trusts FOLDER/upstream.pem, shows FOLDER/tls.crt
                shipped to syslog+unix:///dev/log  RFC 5424, facility local0, name countersign
                shipped to stdout as JSON lines
            Drain
              accepts for 0 s after SIGTERM, then finishes within 20 s
            Configuration
              \(settings.digest)  changed files are taken on SIGHUP
            Limit store
              rediss://cache.internal:6380/2  keys cs:*, answers within 50 ms, else requests are refused

            """
        #expect(SettingsSummary.text(settings) == expected.split(separator: "FOLDER").joined(separator: folder.path))
    }

    @Test func notesWhatIsProbablyNotMeant() {
        var settings = Settings(
            listeners: [ListenerSettings(bind: .tcp(host: "127.0.0.1", address: IPAddress("127.0.0.1"), port: 80))],
            admin: AdminSettings(bind: .tcp(host: "0.0.0.0", address: IPAddress("0.0.0.0"), port: 81)), credentials: [:], upstreams: [],
            callers: [
                CallerRule(name: "a", unixUserID: 1), CallerRule(name: "b", spiffeID: "spiffe://x/y"),
                CallerRule(name: "c", unixUserID: 1, tokenDigest: []),
            ],
            limits: [LimitRule(name: "l", rate: Rate(count: 1, periodNanoseconds: 1_000_000_000), burst: 1, scope: .caller)],
            routes: [Self.route])
        let notes = SettingsSummary.text(settings).split(separator: "Notes\n").last?.split(separator: "\n")
        #expect(
            notes == [
                "  caller a can never prove itself: no listener has a unix socket",
                "  caller b can never prove itself: no listener has \"clientCA\"",
                "  limit l is used by no route", "  DeletePhoneNumber has no limit: one caller can use the account's whole quota",
                "  the admin listener can be reached from other machines",
            ])
        settings.callers = nil
        settings.admin = nil
        settings.routes[0].mode = .report
        let text = SettingsSummary.text(settings)
        #expect(text.contains("  a policy is only reported, and without \"audit\" no record says"))
        #expect(text.contains("Callers\n  local  this machine (loopback and unix sockets); nobody else is served\n"))
        #expect(text.contains("Admin\n  none\n") && text.contains("Audit\n  none: no record is kept of what is deleted\n"))
    }
}

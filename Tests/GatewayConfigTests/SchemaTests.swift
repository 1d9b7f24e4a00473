import Digests
import Foundation
import GatewayCore
import Testing

@testable import GatewayConfig

/// `deploy/config.schema.json` says what the loader does: the same keys, needed keys, choices and defaults.
@Suite struct SchemaTests {
    private let root: [String: Any]

    init() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Repository.path("deploy/config.schema.json")))
        root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// Follows `$ref` within the document.
    private func resolved(_ node: [String: Any]) -> [String: Any] {
        guard let reference = node["$ref"] as? String else { return node }
        let name = reference.split(separator: "/").last.map(String.init) ?? ""
        return (root["$defs"] as? [String: Any])?[name] as? [String: Any] ?? [:]
    }

    /// An element; where it may be a string or an object, the object.
    private func element(_ node: [String: Any]) -> [String: Any] {
        let node = resolved(node)
        let alternatives = (node["anyOf"] as? [[String: Any]] ?? []).filter { $0["$ref"] as? String != "#/$defs/reference" }.map(resolved)
        return node["properties"] == nil ? alternatives.first { $0["properties"] != nil } ?? node : node
    }

    /// The schema at a path of `ConfigurationKeys`: `[]` steps into an array's items, `*` into named values.
    private func node(_ path: String) -> [String: Any] {
        let steps = path.replacingOccurrences(of: "[]", with: ".[]").split(separator: ".")
        return steps.reduce(root) { node, step in
            switch step {
            case "[]": element(node["items"] as? [String: Any] ?? [:])
            case "*": resolved(node["additionalProperties"] as? [String: Any] ?? [:])
            default: resolved((node["properties"] as? [String: Any])?[String(step)] as? [String: Any] ?? [:])
            }
        }
    }

    @Test(arguments: ConfigurationKeys.byPath.keys.sorted())
    func knowsTheKeysOfTheLoader(path: String) throws {
        let node = node(path)
        let properties = try #require(node["properties"] as? [String: Any])
        #expect(Set(properties.keys) == Set(ConfigurationKeys.byPath[path] ?? []))
        #expect(node["additionalProperties"] as? Bool == false)
    }

    /// Each object that the schema spells out is one that the loader knows.
    @Test func knowsNoMoreObjects() {
        func count(_ node: Any) -> Int {
            if let array = node as? [Any] { return array.map(count).reduce(0, +) }
            guard let object = node as? [String: Any] else { return 0 }
            return (object["additionalProperties"] as? Bool == false ? 1 : 0) + object.values.map(count).reduce(0, +)
        }
        // And the one that stands for a string: {"file": ...}.
        #expect(count(root) == ConfigurationKeys.byPath.count + 1)
    }

    /// What the schema says is needed is reported when it is missing, and nothing else is.
    @Test(arguments: EveryKeyTests.all)
    func needsWhatTheLoaderNeeds(path: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: try Sample.json(replacing: path, with: nil), folder: folder)
        let isReported = mistakes.contains { $0.path == path && $0.problem == "this key is missing" }
        let key = path.split(separator: ".").last.map(String.init) ?? ""
        let parent = path.split(separator: ".").dropLast().joined(separator: ".").replacingOccurrences(
            of: "\\[[0-9]+\\]", with: "[]", options: .regularExpression)
        let named = ["credentials.chime": "credentials.*", "upstreams.chime": "upstreams.*", "limits.account": "limits.*"]
        let required =
            node(named[parent] ?? parent.replacingOccurrences(of: ".phoneNumberId", with: ".*"))["required"] as? [String] ?? []
        // A pseudonym needs its key, static credentials need theirs: rules between two keys.
        let isNeededByAnother = ["audit.subjectKey", "credentials.chime.accessKeyId", "credentials.chime.secretAccessKey"].contains(path)
        #expect(isReported == (required.contains(key) || isNeededByAnother))
    }

    @Test(arguments: [
        ("listeners[].tls.clientCertificate", ListenerTLSSettings.ClientCertificate.allCases.map(\.rawValue), "required"),
        ("limits.*.per", LimitScope.allCases.map(\.rawValue), "upstream"),
        ("upstreams.*.http2", HTTP2Mode.allCases.map(\.rawValue), "auto"),
        ("routes[].throttleStyle", ThrottleStyle.allCases.map(\.rawValue), "modeled"),
        ("routes[].parameters.*.format", ParameterFormat.allCases.map(\.rawValue), "any"),
        ("mode", PolicyMode.allCases.map(\.rawValue), "enforce"),
        ("audit.file.sync", AuditSync.allCases.map(\.rawValue), "always"),
        ("audit.checkpoint.algorithm", AuditCheckpointAlgorithm.allCases.map(\.rawValue), "hmac-sha256"),
        ("audit.subject", ["plain", "pseudonym", "last4"], "plain"),
        ("audit.ship[].facility", SyslogFacility.allCases.map(\.rawValue), "local0"),
        ("limitStore.onStoreFailure", LimitStoreSettings.FailureRule.allCases.map(\.rawValue), "local"),
    ])
    func offersTheChoicesOfTheLoader(path: String, choices: [String], standard: String) {
        let node = node(path)
        let alternatives = node["anyOf"] as? [[String: Any]] ?? []
        #expect(alternatives.compactMap { $0["enum"] as? [String] }.first == choices)
        #expect(node["default"] as? String == standard)
    }

    @Test func statesTheDefaultsOfTheLoader() {
        let limits = ListenerLimits()
        let integers = [
            "listeners[].limits.startLineBytes": limits.startLineBytes, "listeners[].limits.fieldCount": limits.fieldCount,
            "listeners[].limits.headBytes": limits.headBytes, "listeners[].limits.bodyBytes": limits.bodyBytes,
            "listeners[].limits.connections": limits.connections, "upstreams.*.maxConnections": 64,
            "audit.checkpoint.records": Int(AuditCheckpointRule(key: SecretBytes("")).recordCount),
        ]
        for (path, value) in integers { #expect(node(path)["default"] as? Int == value, "\(path)") }
        let upstream = UpstreamSettings(name: "", usesTLS: true, host: "", port: 1, service: "", region: "", credentials: "")
        let store = LimitStoreSettings(host: "")
        let durations = [
            "listeners[].timeouts.head": ListenerTimeouts().headNanoseconds,
            "listeners[].timeouts.body": ListenerTimeouts().bodyNanoseconds,
            "listeners[].timeouts.idle": ListenerTimeouts().idleNanoseconds,
            "upstreams.*.connectTimeout": upstream.connectTimeoutNanoseconds,
            "upstreams.*.responseTimeout": upstream.responseTimeoutNanoseconds, "upstreams.*.idleTimeout": upstream.idleTimeoutNanoseconds,
            "upstreams.*.pingInterval": upstream.pingIntervalNanoseconds, "upstreams.*.pingTimeout": upstream.pingTimeoutNanoseconds,
            "drain.delay": DrainSettings().delayNanoseconds, "drain.timeout": DrainSettings().timeoutNanoseconds,
            "limitStore.timeout": store.timeoutNanoseconds, "limits.*.maxWait": 0,
            "audit.checkpoint.interval": AuditCheckpointRule(key: SecretBytes("")).intervalMilliseconds * 1_000_000,
        ]
        for (path, value) in durations {
            let text = unresolved(path)["default"] as? String
            #expect(text.flatMap { try? DurationText.parse($0) } == value, "\(path)")
        }
    }

    /// The property itself: `default` stands beside `$ref`.
    private func unresolved(_ path: String) -> [String: Any] {
        let parts = path.split(separator: ".")
        let parent = node(parts.dropLast().joined(separator: "."))
        return (parent["properties"] as? [String: Any])?[parts.last.map(String.init) ?? ""] as? [String: Any] ?? [:]
    }
}

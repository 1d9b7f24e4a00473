import Foundation
import GatewayConfig

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("countersign-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    @discardableResult
    func write(_ name: String, _ content: String, mode: Int = 0o600) throws -> String {
        try write(name, Array(content.utf8), mode: mode)
    }

    @discardableResult
    func write(_ name: String, _ content: [UInt8], mode: Int = 0o600) throws -> String {
        let file = path + "/" + name
        guard FileManager.default.createFile(atPath: file, contents: Data(content)) else { throw CocoaError(.fileWriteUnknown) }
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    /// Everything that `Sample.json` names.
    static func withSampleFiles() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in ["tls.crt", "other.crt", "clients.pem", "upstream.pem"] {
            try folder.write(name, "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", mode: 0o644)
        }
        for name in ["tls.key", "other.key"] { try folder.write(name, "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n") }
        try folder.write("crl.pem", "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n", mode: 0o644)
        return folder
    }
}

/// A configuration that uses every key, and ways to spoil it.
enum Sample {
    static let json = """
        {
          "$schema": "deploy/config.schema.json",
          "listeners": [
            { "bind": "127.0.0.1:8080", "allowPlaintext": false,
              "timeouts": { "head": "5s", "body": "20s", "idle": "2m" },
              "limits": { "startLineBytes": 4096, "fieldCount": 50, "headBytes": 32768, "bodyBytes": 0, "connections": 500, "connectionsPerAddress": 5 } },
            { "bind": "unix:gateway.sock", "mode": "0600", "reusePort": true },
            { "bind": "0.0.0.0:8443",
              "tls": { "certificate": "tls.crt", "privateKey": "tls.key",
                       "additionalCertificates": [{ "certificate": "other.crt", "privateKey": "other.key" }],
                       "clientCA": "clients.pem", "clientCertificate": "optional", "crlFile": "crl.pem" } }
          ],
          "admin": { "bind": "[::1]:9901", "reusePort": true, "stateFile": "freeze",
                     "tokenSha256": "000000000000000000000000000000000000000000000000000000000000000A" },
          "credentials": { "chime": { "type": "static", "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "secret/example", "sessionToken": "token==" } },
          "upstreams": {
            "chime": { "url": "https://service.chime.aws.amazon.com", "service": "chime", "region": "us-east-1", "credentials": "chime",
                       "connectTimeout": "1s", "responseTimeout": "3s", "idleTimeout": "30s", "maxConnections": 8, "maxInFlight": 16,
                       "caFile": "upstream.pem", "http2": "required", "pingInterval": "20s", "pingTimeout": "4s" }
          },
          "callers": [
            { "name": "local", "networks": ["127.0.0.1/32", "::1/128"] },
            { "name": "number-lifecycle", "unixUid": 1001, "unixGid": 1002 },
            { "name": "billing", "tokenSha256": "00000000000000000000000000000000000000000000000000000000000000FF" },
            { "name": "provisioning", "spiffeId": "spiffe://example.internal/ns/telephony/sa/provisioning" },
            { "name": "reports", "dnsSan": "Reports.example.internal", "subject": "CN=reports,O=Example" },
            { "name": "audited", "allOf": [
                { "spiffeId": "spiffe://example.internal/sa/audited" },
                { "tokenSha256": "00000000000000000000000000000000000000000000000000000000000000FE" } ] }
          ],
          "limits": {
            "account": { "rate": "10/s", "burst": 20, "per": "upstream", "maxWait": "250ms", "adaptive": true },
            "fuse": { "rate": "500/d", "burst": 500, "per": "caller" }
          },
          "routes": [
            { "operation": "DeletePhoneNumber", "method": "DELETE", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
              "parameters": { "phoneNumberId": { "format": "e164", "allowPrefix": ["+1"], "deny": ["+12065550199"] } }, "mode": "enforce",
              "callers": ["billing", "local",
                { "name": "reports", "parameters": { "phoneNumberId": { "allowPrefix": ["+1206"], "deny": ["+12065550198"] } } }],
              "limits": ["account", "fuse"], "throttleStyle": "retryable", "query": true, "body": true }
          ],
          "mode": "report",
          "audit": { "file": { "path": "audit.jsonl", "sync": "interval" }, "mirror": { "path": "mirror.jsonl" },
            "rotate": { "size": "100MB", "age": "1d", "keep": 30, "gzip": true },
            "checkpoint": { "records": 500, "interval": "30s", "key": "fedcba9876543210", "algorithm": "hmac-sha256" },
            "subject": "pseudonym", "subjectKey": "0123456789abcdef",
            "ship": [ { "to": "syslog+tls://Collector.internal:6515", "facility": "local3", "appName": "cs", "caFile": "upstream.pem",
                        "certificate": "tls.crt", "privateKey": "tls.key" },
                      { "to": "syslog+unix:///dev/log" }, { "to": "stdout" } ] },
          "drain": { "delay": "0s", "timeout": "20s" }, "watch": false,
          "limitStore": { "redis": "rediss://app:p%40ss@cache.internal:6380/2", "keyPrefix": "cs:", "onStoreFailure": "deny", "timeout": "50ms" }
        }
        """

    /// The sample (or `base`) with one value replaced by `value` (JSON), or removed where that is nil. `path` is written as in mistakes.
    static func json(replacing path: String, with value: String?, in base: String = json) throws -> String {
        let root = try JSONSerialization.jsonObject(with: Data(base.utf8))
        let replacement = try value.map { try JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed) }
        let keys = path.replacingOccurrences(of: "[", with: ".").replacingOccurrences(of: "]", with: "").split(separator: ".").map(
            String.init)
        let patched = replace(root, keys[...], replacement)
        return String(decoding: try JSONSerialization.data(withJSONObject: patched as Any, options: [.sortedKeys]), as: UTF8.self)
    }

    private static func replace(_ node: Any, _ keys: ArraySlice<String>, _ value: Any?) -> Any? {
        guard let key = keys.first else { return value }
        if var array = node as? [Any], let index = Int(key) {
            if index == array.count {
                if let value { array.append(value) }
            } else if let element = replace(array[index], keys.dropFirst(), value) {
                array[index] = element
            } else {
                array.remove(at: index)
            }
            return array
        }
        var object = node as? [String: Any] ?? [:]
        object[key] = replace(object[key] ?? [String: Any](), keys.dropFirst(), value)
        return object
    }

    static func mistakes(
        in json: String, folder: TemporaryFolder, environment: EnvironmentVariables = [:]
    ) -> [ConfigurationMistake] {
        do throws(ConfigurationErrors) {
            _ = try ConfigurationLoader.read(json: json, directory: folder.path, environment: environment)
            return []
        } catch {
            return error.mistakes
        }
    }
}

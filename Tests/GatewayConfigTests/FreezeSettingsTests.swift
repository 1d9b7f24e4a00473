import Testing

@testable import GatewayConfig

/// Where a freeze is kept.
@Suite struct FreezeSettingsTests {
    @Test(arguments: [
        ("\"stateFile\": \"state/freeze\",", true, "FOLDER/state/freeze"), ("\"stateFile\": \"/run/freeze\",", false, "/run/freeze"),
        ("", true, "FOLDER/audit.jsonl.freeze"),
    ])
    func isKeptInTheStateFileOrBesideTheTrail(stateFile: String, hasAudit: Bool, expected: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let settings = try #require(Self.settings(stateFile, hasAudit: hasAudit, folder: folder))
        #expect(settings.freezePath == expected.replacing("FOLDER", with: folder.path))
        #expect(settings.admin?.tokenDigest?.count == 32)
    }

    @Test func aTokenWithoutAPlaceForTheFreezeIsAMistake() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: Self.json("", hasAudit: false), folder: folder)
        #expect(mistakes.map(\.path) == ["admin"])
        #expect(mistakes.first?.remedy.contains("stateFile") == true)
    }

    private static func settings(_ stateFile: String, hasAudit: Bool, folder: TemporaryFolder) -> Settings? {
        try? ConfigurationLoader.read(json: json(stateFile, hasAudit: hasAudit), directory: folder.path)
    }

    private static func json(_ stateFile: String, hasAudit: Bool) -> String {
        """
        { "listeners": [{ "bind": "127.0.0.1:1" }], "admin": { \(stateFile) "tokenSha256": "\(String(repeating: "0a", count: 32))" },
          "credentials": { "c": { "type": "static", "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "s" } },
          "upstreams": { "u": { "url": "https://example.com", "service": "chime", "region": "us-east-1", "credentials": "c" } },
          \(hasAudit ? "\"audit\": { \"file\": { \"path\": \"audit.jsonl\" } }," : "")
          "routes": [{ "operation": "X", "method": "DELETE", "path": "/a/{b}", "upstream": "u" }] }
        """
    }
}

import GatewayCore
import Testing

@testable import GatewayConfig

/// What a reload says of itself.
@Suite struct SettingsChangesTests {
    @Test(
        arguments: [
            ("routes[0].limits", "[\"account\"]", "routes: changed DeletePhoneNumber (DELETE /phone-numbers/{phoneNumberId})"),
            (
                "routes[0].parameters.phoneNumberId.deny", "[\"+12065550111\"]",
                "routes: changed DeletePhoneNumber (DELETE /phone-numbers/{phoneNumberId})"
            ),
            ("callers[3]", nil, "callers: removed provisioning"),
            ("callers[3].name", "\"other\"", "callers: added other; removed provisioning"),
            ("limits.account.rate", "\"11/s\"", "limits: changed account"),
            ("credentials.chime.secretAccessKey", "\"another/secret\"", "credentials: changed chime"),
            ("upstreams.chime.maxConnections", "9", "upstreams: changed chime"),
            ("listeners[0].bind", "\"127.0.0.1:8081\"", "listeners: added 127.0.0.1:8081; removed 127.0.0.1:8080"),
            ("admin", nil, "settings: removed admin"), ("drain.delay", "\"1s\"", "settings: changed drain"),
            ("watch", "true", "settings: changed watch"), ("$schema", nil, ""),
        ] as [(String, String?, String)])
    func namesWhatDiffersAndNothingElse(path: String, value: String?, words: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let old = try ConfigurationLoader.read(json: Sample.json, directory: folder.path)
        let new = try ConfigurationLoader.read(json: try Sample.json(replacing: path, with: value), directory: folder.path)
        let changes = SettingsChanges(from: old, to: new)
        #expect(changes.sections.map { "\($0.name): \($0)" }.joined(separator: ". ") == words)
        #expect(old.digest.count == 16 && old.digest != new.digest)
    }

    @Test func aLongListIsCut() {
        let section = SettingsChanges.Section(name: "callers", added: (1...25).map { "c\($0)" })
        #expect(section.description.hasSuffix("c20 and 5 more"))
    }
}

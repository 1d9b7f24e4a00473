import GatewayCore
import Testing

@testable import GatewayConfig

@Suite struct CredentialTypeTests {
    static let arn = "arn:aws:iam::123456789012:role/phone-numbers"

    static func mistakes(_ credentials: String) throws -> [String] {
        let folder = try TemporaryFolder.withSampleFiles()
        return Sample.mistakes(in: try Sample.json(replacing: "credentials", with: credentials), folder: folder).map {
            "\($0.path): \($0.problem)"
        }
    }

    @Test(
        arguments: [
            ("env", "", CredentialSettings.Source.environment), ("chain", "", .chain), ("container", "", .container(.init())),
            (
                "container", #", "uri": "http://127.0.0.1/x", "tokenFile": "/t""#,
                .container(.init(uri: "http://127.0.0.1/x", tokenFile: "/t"))
            ),
            ("imds", "", .instanceMetadata(.init())),
            (
                "imds", #", "endpoint": "http://127.0.0.1:1", "role": "r", "timeout": "2s""#,
                .instanceMetadata(.init(endpoint: "http://127.0.0.1:1", role: "r", timeoutMilliseconds: 2000))
            ),
            ("profile", "", .profile(.init())),
            (
                "profile", #", "profile": "p", "configFile": "/c", "credentialsFile": "/d", "stsEndpoint": "http://127.0.0.1:1""#,
                .profile(.init(name: "p", configFile: "/c", credentialsFile: "/d", stsEndpoint: "http://127.0.0.1:1"))
            ),
            (
                "webIdentity", #", "roleArn": "\#(arn)", "tokenFile": "/t", "sessionName": "me", "region": "eu-west-1", "duration": "15m""#,
                .webIdentity(
                    .init(role: .init(roleARN: arn, sessionName: "me", durationSeconds: 900, region: "eu-west-1"), tokenFile: "/t"))
            ),
            (
                "assumeRole", #", "roleArn": "\#(arn)", "source": "base", "externalId": "x1""#,
                .assumeRole(.init(role: .init(roleARN: arn, externalID: "x1"), source: "base"))
            ),
        ] as [(String, String, CredentialSettings.Source)])
    func reads(type: String, rest: String, source: CredentialSettings.Source) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let json = try Sample.json(
            replacing: "credentials",
            with: #"{"chime": {"type": "\#(type)"\#(rest)}, "base": {"type": "env"}}"#)
        let settings = try ConfigurationLoader.read(json: json, directory: folder.path)
        #expect(settings.credentials["chime"]?.source == source)
        #expect(source.kind == type && SettingsSummary.text(settings).contains("with credentials chime ("))
    }

    @Test(arguments: [
        (
            #"{"chime": {"type": "env", "accessKeyId": "A"}}"#,
            "credentials.chime.accessKeyId: \"accessKeyId\" means nothing for the type \"env\""
        ),
        (
            #"{"chime": {"type": "imds", "roleArn": "\#(arn)"}}"#,
            "credentials.chime.roleArn: \"roleArn\" means nothing for the type \"imds\""
        ),
        (#"{"chime": {"type": "assumeRole", "roleArn": "\#(arn)"}}"#, "credentials.chime.source: this key is missing"),
        (#"{"chime": {"type": "webIdentity", "tokenFile": "/t"}}"#, "credentials.chime.roleArn: this key is missing"),
        (
            #"{"chime": {"type": "assumeRole", "roleArn": "phone", "source": "chime"}}"#,
            "credentials.chime.roleArn: \"phone\" is not the ARN of a role"
        ),
        (
            #"{"chime": {"type": "assumeRole", "roleArn": "\#(arn)", "source": "b"}, "b": {"type": "assumeRole", "roleArn": "\#(arn)", "source": "chime"}}"#,
            "credentials.chime: the sources of this role go in a circle: chime -> b -> chime"
        ),
        (
            #"{"chime": {"type": "assumeRole", "roleArn": "\#(arn)", "source": "nobody"}}"#,
            "credentials.chime.source: \"nobody\" is not in \"credentials\""
        ),
        (
            #"{"chime": {"type": "imds", "endpoint": "ftp://x"}}"#,
            "credentials.chime.endpoint: \"ftp://x\" does not start with https:// or http://"
        ),
    ])
    func saysWhatIsWrong(credentials: String, expected: String) throws {
        let mistakes = try Self.mistakes(credentials)
        #expect(mistakes.contains(expected), "\(mistakes)")
    }
}

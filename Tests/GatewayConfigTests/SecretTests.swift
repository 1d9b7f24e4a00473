import Digests
import Foundation
import GatewayCore
import Testing

@testable import GatewayConfig

@Suite struct SecretTests {
    private static let canary = "canary/secret"

    @Test func noDescriptionShowsTheSecret() throws {
        let secret = Secret(Self.canary)
        var dumped = ""
        dump(CredentialSettings(name: "x", source: .fixed(accessKeyID: "A", secretAccessKey: secret, sessionToken: secret)), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Optional(secret) as Any)", dumped] { #expect(!text.contains("canary")) }
        #expect(secret.revealedText == Self.canary)
    }

    @Test func settingsCanBePrintedWithoutShowingSecrets() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let settings = try ConfigurationLoader.read(json: Sample.json, directory: folder.path)
        var text = "\(settings) \(String(reflecting: settings)) \(SettingsSummary.text(settings))"
        dump(settings, to: &text)
        for secret in ["secret/example", "token==", "p@ss", "p%40ss", "0123456789abcdef", "48, 49, 50", "+12065550199"] {
            #expect(!text.contains(secret), "\(secret)")
        }
    }

    @Test func nothingOfAReadingOutlivesIt() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        weak var kept: ReadingContext?
        do {
            let bytes = Array(Sample.json.utf8)
            let context = ReadingContext(source: SourceText(bytes), directory: folder.path, environment: [:])
            kept = context
            #expect(Field(node: try JSONParser.parse(bytes), path: "", context: context).settings() != nil)
            #expect(context.inlineSecret != nil)
        }
        #expect(kept == nil)
    }

    /// What a file of that mode is warned of.
    private func warnings(_ folder: TemporaryFolder, _ json: String, mode: Int) throws -> [ConfigurationMistake] {
        let path = try folder.write("config.json", json, mode: mode)
        return try ConfigurationLoader.load(path: path, environment: ["KEY": "from/environment"]).warnings
    }

    @Test(arguments: [0o600, 0o400, 0o700, 0o611])
    func aConfigurationOfOnesOwnMayHoldSecrets(mode: Int) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        #expect(try warnings(folder, Sample.json, mode: mode) == [])
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o664, 0o777])
    func aConfigurationWithSecretsThatOthersCanReadIsWarnedOf(mode: Int) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let warnings = try warnings(folder, Sample.json, mode: mode)
        #expect(warnings.map(\.path) == ["credentials.chime.secretAccessKey"])
        #expect(warnings.first?.remedy == "run: chmod 600 \(folder.path)/config.json")
        #expect(warnings.first?.problem.contains(String(mode, radix: 8)) == true)
    }

    @Test func aConfigurationWithoutSecretsMayBeReadByAll() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", Self.canary)
        let json = Self.json(secret: "{\"file\": \"key\"}", token: "\"${KEY}\"")
        #expect(try warnings(folder, json, mode: 0o644) == [])
    }

    @Test(arguments: [
        ("audit.subjectKey", "\"0123456789abcdef\""), ("audit.checkpoint.key", "\"0123456789abcdef\""),
        ("limitStore.redis", "\"redis://:pass@cache\""),
        ("credentials.chime.sessionToken", "\"token\""),
    ])
    func everyKindOfSecretCounts(path: String, value: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        var json = Sample.json
        for secret in ["secret/example", "token==", "0123456789abcdef", "fedcba9876543210", "rediss://app:p%40ss@cache.internal:6380/2"] {
            json = json.replacingOccurrences(
                of: "\"\(secret)\"", with: secret.hasPrefix("redis") ? "\"redis://cache\"" : "\"${SIXTEEN_BYTES_OR_MORE}\"")
        }
        let key = path.split(separator: ".").last.map(String.init) ?? ""
        let spoiled = json.replacingOccurrences(
            of: "\"\(key)\": \"[^\"]*\"", with: "\"\(key)\": \(value)".replacingOccurrences(of: "$", with: "\\$"),
            options: .regularExpression)
        let file = try folder.write("config.json", spoiled, mode: 0o644)
        let warnings = try ConfigurationLoader.load(path: file, environment: ["SIXTEEN_BYTES_OR_MORE": "0123456789abcdef"]).warnings
        #expect(warnings.map(\.path) == [path])
        #expect(warnings.first?.remedy == "run: chmod 600 \(file)")
    }

    @Test(arguments: [
        ("canary", "canary"), ("canary\n", "canary"), ("canary\r\n", "canary"),
    ])
    func aFileLosesOneNewline(content: String, value: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("key", content)
        let settings = try ConfigurationLoader.read(json: Self.json(secret: "{\"file\": \"key\"}", token: "\"t\""), directory: folder.path)
        #expect(
            settings.credentials["chime"]?.source == .fixed(accessKeyID: "AKID", secretAccessKey: Secret(value), sessionToken: Secret("t")))
        #expect(settings.sourceFiles == [folder.path + "/configuration", folder.path + "/key"])
    }

    @Test func onlyOneNewlineIsLost() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", "canary\n\n")
        let mistakes = Sample.mistakes(in: Self.json(secret: "{\"file\": \"key\"}", token: "\"t\""), folder: folder)
        #expect(mistakes.map(\.problem) == ["the content of \(folder.path)/key holds a space, a line break or a character that no key has"])
    }

    @Test func aSecretsFileThatOthersCanReadIsRefused() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("my key", Self.canary, mode: 0o444)
        let mistakes = Sample.mistakes(in: Self.json(secret: "{\"file\": \"my key\"}", token: "\"t\""), folder: folder)
        #expect(mistakes.map(\.path) == ["credentials.chime.secretAccessKey"])
        #expect(mistakes.first?.problem == "group or others can read \(file) (mode 0444), which holds a secret")
        #expect(mistakes.first?.remedy == "run: chmod 600 '\(file)'")
    }

    @Test(arguments: [
        (0o440, "", []), (0o444, "", ["credentials.chime.secretAccessKey"]), (0o440, "/other", ["credentials.chime.secretAccessKey"]),
    ])
    func systemdsCredentialsMayShowTheirMaskAsGroupBits(mode: Int, below: String, refused: [String]) throws {
        let folder = try TemporaryFolder()
        try folder.write("key", Self.canary, mode: mode)
        let mistakes = Sample.mistakes(
            in: Self.json(secret: "{\"file\": \"key\"}", token: "\"t\""), folder: folder,
            environment: ["CREDENTIALS_DIRECTORY": folder.path + below])
        #expect(mistakes.map(\.path) == refused)
    }

    /// Kubernetes mounts Secrets with `fsGroup` as root's, readable by the group; what a user keeps for itself has no such excuse.
    @Test(arguments: [
        (0o400, 0, 65_532, false), (0o440, 0, 65_532, false), (0o640, 0, 65_532, false), (0o444, 0, 65_532, true), (0o644, 0, 65_532, true),
        (0o440, 0, 0, true), (0o440, 65_532, 65_532, true), (0o440, 1_000, 65_532, true), (0o600, 65_532, 65_532, false),
    ])
    func rootsFilesMayBeReadByAGroup(mode: UInt32, owner: UInt32, reader: UInt32, isExposed: Bool) {
        #expect(FileContent(bytes: [], permissions: mode, owner: owner).isExposed(reader: reader) == isExposed)
    }

    @Test func aPathMayStartWithAVariable() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", Self.canary)
        let json = Self.json(
            secret: "{\"file\": \"${CREDENTIALS_DIRECTORY}/key\"}", token: "\"t\"",
            more: #""audit": {"file": {"path": "${STATE_DIRECTORY}/audit.jsonl"}}"#)
        let environment: EnvironmentVariables = ["CREDENTIALS_DIRECTORY": folder.path, "STATE_DIRECTORY": "/var/lib/countersign"]
        let settings = try ConfigurationLoader.read(json: json, directory: "/elsewhere", environment: environment)
        #expect(settings.audit?.path == "/var/lib/countersign/audit.jsonl")
        #expect(settings.sourceFiles == ["/elsewhere/configuration", folder.path + "/key"])
    }

    @Test(arguments: [
        ("${ABSENT}/key", "the environment variable ABSENT is not set"), ("${CREDENTIALS_DIRECTORY}key", "is not one variable's name"),
        ("/run/${ABSENT}/key", "is not one variable's name"), ("${CREDENTIALS_DIRECTORY}/${ABSENT}", "is not one variable's name"),
        ("${1A}/key", "is not one variable's name"), ("${CREDENTIALS_DIRECTORY}/absent", "/credentials/absent does not exist"),
    ])
    func saysWhyAPathWithAVariableCannotBeHad(path: String, problem: String) throws {
        let mistakes = Sample.mistakes(
            in: Self.json(secret: "{\"file\": \"\(path)\"}", token: "\"t\""), folder: try TemporaryFolder(),
            environment: ["CREDENTIALS_DIRECTORY": "/credentials"])
        #expect(mistakes.map(\.path) == ["credentials.chime.secretAccessKey.file"])
        #expect(mistakes.first?.problem.contains(problem) == true, "\(mistakes)")
    }

    @Test(arguments: [
        ("{\"file\": \"absent\"}", "credentials.chime.secretAccessKey.file", "does not exist"),
        ("{\"file\": \".\"}", "credentials.chime.secretAccessKey.file", "is a folder"),
        ("{\"file\": 7}", "credentials.chime.secretAccessKey.file", "a number, not a path"),
        ("{}", "credentials.chime.secretAccessKey.file", "missing"),
        ("{\"file\": \"key\", \"mode\": 1}", "credentials.chime.secretAccessKey.mode", "unknown key"),
        ("{\"file\": \"empty\"}", "credentials.chime.secretAccessKey", "the content of FOLDER/empty is empty"),
        ("{\"file\": \"large\"}", "credentials.chime.secretAccessKey.file", "larger than 65536 bytes"),
        ("\"${ABSENT}\"", "credentials.chime.secretAccessKey", "the environment variable ABSENT is not set"),
        ("\"${EMPTY}\"", "credentials.chime.secretAccessKey", "the value of ${EMPTY} is empty"),
        ("\"${BAD}\"", "credentials.chime.secretAccessKey", "the value of ${BAD} holds a space"),
        ("\"a${KEY}\"", "credentials.chime.secretAccessKey", "is not one variable's name"),
        ("\"${KEY\"", "credentials.chime.secretAccessKey", "is not one variable's name"),
        ("\"${}\"", "credentials.chime.secretAccessKey", "is not one variable's name"),
        ("\"${1A}\"", "credentials.chime.secretAccessKey", "is not one variable's name"),
    ])
    func namesWhatIsWrongWithAReference(value: String, path: String, problem: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("key", Self.canary)
        try folder.write("empty", "\n")
        try folder.write("large", String(repeating: "x", count: 65_537))
        let mistakes = Sample.mistakes(
            in: Self.json(secret: value, token: "\"t\""), folder: folder, environment: ["EMPTY": "", "BAD": "can ary", "KEY": "x"])
        #expect(mistakes.map(\.path) == [path])
        #expect(mistakes.first?.problem.contains(problem.replacingOccurrences(of: "FOLDER", with: folder.path)) == true, "\(mistakes)")
        #expect(!"\(mistakes)".contains("can ary"))
    }

    @Test func anyStringMayComeFromTheEnvironmentOrAFile() throws {
        let folder = try TemporaryFolder()
        try folder.write("region", "eu-central-1\n", mode: 0o644)
        let json = Self.json(secret: "\"s\"", token: "\"t\"").replacingOccurrences(
            of: "\"us-east-1\"", with: "{\"file\": \"${REGION_FILE}\"}"
        )
        .replacingOccurrences(of: "127.0.0.1:8080", with: "${BIND}")
        let settings = try ConfigurationLoader.read(
            json: json, directory: folder.path, environment: ["REGION_FILE": "region", "BIND": "[::1]:0"])
        #expect(settings.upstreams.first?.region == "eu-central-1")
        #expect(settings.listeners.first?.bind == .tcp(host: "::1", address: IPAddress("::1"), port: 0))
    }

    @Test func aKeyOfBytesIsKeptAsItIs() throws {
        let folder = try TemporaryFolder()
        let key: [UInt8] = [0xFF, 0xFE] + (1...30)
        try folder.write("subject.key", key + [0x0A])
        let json = Self.json(
            secret: "\"s\"", token: "\"t\"",
            more: #""audit": {"file": {"path": "a"}, "subject": "pseudonym", "subjectKey": {"file": "subject.key"}}"#)
        let settings = try ConfigurationLoader.read(json: json, directory: folder.path)
        #expect(settings.audit?.subject == .pseudonym(key: SecretBytes(key)))
    }

    private static func json(secret: String, token: String, more: String = "\"drain\": {}") -> String {
        """
        { "listeners": [{ "bind": "127.0.0.1:8080" }],
          "credentials": { "chime": { "type": "static", "accessKeyId": "AKID", "secretAccessKey": \(secret), "sessionToken": \(token) } },
          "upstreams": { "chime": { "url": "https://host", "service": "chime", "region": "us-east-1", "credentials": "chime" } },
          "routes": [{ "operation": "X", "method": "GET", "path": "/", "upstream": "chime" }], \(more) }
        """
    }
}

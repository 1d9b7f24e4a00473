import GatewayConfig
import GatewayCore
import Testing

@Suite struct ExampleTests {
    @Test func exampleLoadsWithTwoValues() throws {
        let settings = try ConfigurationLoader.load(
            path: Repository.path("config.example.json"),
            environment: ["AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"])
        #expect(settings.listeners.map(\.bind) == [.tcp(host: "127.0.0.1", address: IPAddress("127.0.0.1"), port: 8080)])
        #expect(
            settings.credentials["chime"]?.source
                == .fixed(accessKeyID: "AKIDEXAMPLE", secretAccessKey: Secret("secret"), sessionToken: nil))
        #expect(settings.upstreams.first?.authority == "service.chime.aws.amazon.com")
        #expect(settings.routes.first?.limits == ["account", "fair-share", "fuse"])
        #expect(settings.audit?.path == Repository.path("audit.jsonl"))
    }

    @Test func exampleNamesTheTwoValuesThatItNeeds() {
        let errors = #expect(throws: ConfigurationErrors.self) {
            try ConfigurationLoader.load(path: Repository.path("config.example.json"), environment: [:])
        }
        #expect(errors?.mistakes.map(\.path) == ["credentials.chime.accessKeyId", "credentials.chime.secretAccessKey"])
        #expect(
            errors?.mistakes.map(\.problem) == [
                "the environment variable AWS_ACCESS_KEY_ID is not set", "the environment variable AWS_SECRET_ACCESS_KEY is not set",
            ])
    }
}

import Testing

@testable import Gateway

/// What is told of a `credential_process`: the program, never its arguments, and nothing of what it prints.
@Suite struct CredentialProcessTests {
    @Test(
        arguments: [
            ("/opt/bin/keys --token secret", "/opt/bin/keys"), ("keys", "keys"), ("  keys\tsecret", "keys"), ("exit 7", "exit"),
            (#""/opt/my tools/keys" secret"#, "/opt/my tools/keys"), ("'/opt/my tools/keys'", "/opt/my tools/keys"),
            ("TOKEN=secret keys", nil), ("$(secret) keys", nil), ("`secret`", nil), ("keys;secret", nil), ("keys|secret", nil),
            (#""/opt/keys"secret"#, nil), (#""/opt/keys"#, nil), (#""" secret"#, nil), ("", nil), ("(secret)", nil), (#"k\"e"ys"#, nil),
        ] as [(String, String?)])
    func theProgramIsNamed(command: String, expected: String?) { #expect(CredentialProcess.program(of: command) == expected) }

    @Test(
        arguments: [
            ("echo canary", "the credential_process echo gave no JSON object with credentials"),
            (#"echo '{"Version": 2, "SecretAccessKey": "canary"}'"#, "the credential_process echo gave no \"Version\": 1"),
            (
                #"echo '{"Version": 1, "Code": "canary", "Message": "canary", "SecretAccessKey": "canary"}'"#,
                "the credential_process echo gave no AccessKeyId and SecretAccessKey"
            ),
            (
                #"echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "canary", "Expiration": "canary"}'"#,
                "the credential_process echo gave an Expiration that is no RFC 3339 time"
            ),
            ("exit 7", "the credential_process exit failed (status 7): run it by hand to see why"),
            ("echo canary >&2; exit 7", "the credential_process echo failed (status 7): run it by hand to see why"),
            ("CANARY=canary true", "the credential_process gave no JSON object with credentials"),
        ])
    func nothingThatItPrintsIsTold(command: String, words: String) {
        #expect(throws: CredentialFailure(words)) { try CredentialProcess.run(command) { false } }
    }
}

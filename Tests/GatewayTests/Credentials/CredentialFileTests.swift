import GatewayConfig
import Glibc
import Testing

@testable import Gateway

/// Which files a source of credentials takes, and what it says of the others.
struct CredentialFileTests {
    @Test(
        arguments: [
            (0o600, false, nil), (0o644, false, "(mode 0644)"), (0o640, false, "(mode 0640)"), (0o604, true, "(mode 0604)"),
            (0o440, true, nil),
        ] as [(mode_t, Bool, String?)])
    func secretsThatOthersCanReadAreRefused(mode: mode_t, isOfSystemd: Bool, words: String?) throws {
        let folder = TemporaryFolder()
        let path = folder / "credentials"
        folder.write("credentials", Array("[default]".utf8))
        try #require(chmod(path, mode) == 0)
        let environment = EnvironmentVariables(isOfSystemd ? ["CREDENTIALS_DIRECTORY": folder.path] : [:])
        do {
            #expect(try CredentialFile.secrets(path, environment) == "[default]")
            #expect(words == nil)
        } catch {
            #expect(error.words.contains(words ?? "nothing"), "\(error.words)")
            #expect(error.words.hasSuffix("run: chmod 600 \(path)"))
        }
    }

    @Test func aMissingFileIsEmpty() throws {
        #expect(try CredentialFile.settings("/nowhere/config") == "")
        #expect(try CredentialFile.secrets("/nowhere/credentials", [:]) == "")
    }

    @Test func aMissingTokenIsAFailure() {
        #expect(throws: CredentialFailure("the token file /nowhere/token does not exist")) { try CredentialFile.token("/nowhere/token") }
    }

    /// Nobody writes to it: a reading that waits would never return.
    @Test func aPipeIsRefusedAtOnce() throws {
        let folder = TemporaryFolder()
        let path = folder / "token"
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: CredentialFailure("\(path) is no regular file: name a regular file")) { try CredentialFile.token(path) }
    }
}

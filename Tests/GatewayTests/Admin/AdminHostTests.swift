import Testing

@testable import Gateway

@Suite("Who may see phone numbers by the name that they call")
struct AdminHostTests {
    @Test(
        "An address, localhost and a name without a dot are this machine's own; a name that anybody can register is not",
        arguments: [
            (nil, true), ("", true), ("127.0.0.1:9901", true), ("127.0.0.1", true), ("[::1]:9901", true), ("[fe80::1]", true),
            ("localhost:9901", true), ("LOCALHOST", true), ("app.localhost:1", true), ("gateway:9901", true), ("localhost.:9901", true),
            ("10.1.2.3:9901", true), ("evil.example:9901", false), ("127.0.0.1.evil.example", false), ("localhost.evil.example", false),
            ("evil.example.", false), ("[evil.example]", false), ("1.2.3.evil", false), ("999.1.1.1", false), ("+1.2.3.4", false),
            ("[]", false), (":9901", false), ("1.2.3", false),
        ] as [(String?, Bool)])
    func own(host: String?, isOwn: Bool) { #expect(AdminHost.isOwn(host) == isOwn) }
}

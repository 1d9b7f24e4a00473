import Testing

@testable import GatewayConfig

@Suite("The form in which subjects are compared") struct SubjectTextTests {
    @Test(
        "What OpenSSL prints is taken",
        arguments: [
            "CN=reports", "CN=reports,O=Example", #"CN=svc,O=Example\, Inc."#, "CN=svc,O=A = B", "CN=a+OU=b,C=DE", #"CN=\C3\A9t\C3\A9"#,
            #"CN=\ padded\ ,O=x"#, #"CN=a\+b\"c\\d\<e\>f\;g"#, ##"O=\#1"##, "1.2.3.4=#0C0161,CN=x", "emailAddress=a@example.com", "CN=",
            "UID=7,DC=example",
        ])
    func canonical(subject: String) { #expect(SubjectText.isCanonical(subject)) }

    @Test(
        "What would match no certificate is not",
        arguments: [
            "", "reports", "subject=CN=reports", "/O=Example/CN=reports", "CN = reports", "CN= reports", "CN=reports ",
            "CN=reports, O=Example",
            "CN=reports ,O=Example",
            "cn=reports", "CN=reports,o=Example", "CN=a,", "CN=a,,O=b", "=a", "CN=\u{E9}", "CN=a\nO=b", #"CN=\c3\a9"#, #"CN=a\"#,
            #"CN=a\zz"#,
            #"CN="a, b""#, "CN=a;O=b", "CN=Example, Inc.,O=x",
        ])
    func otherSpellings(subject: String) { #expect(!SubjectText.isCanonical(subject)) }
}

import Digests
import Testing

@testable import GatewayCore

@Suite struct AuditSubjectTests {
    private static let key = Array("0123456789abcdef0123456789abcdef".utf8)

    @Test(arguments: [
        ("+12065550100", "+1:"), ("+74951234567", "+7:"), ("+442071838750", "+44:"), ("+4930901820", "+49:"), ("+358401234567", "+358:"),
        ("+8613812345678", "+86:"), ("+85212345678", "+852:"), ("+123", ""), ("12065550100", ""), ("+1206x550100", ""),
    ])
    func pseudonymKeepsTheCountry(number: String, prefix: String) throws {
        let code = try HMACSHA256.authenticate(Array(number.utf8), key: Self.key)
        let text = try AuditFixtures.text(AuditFixtures.entry(.intent, subject: number), style: .pseudonym(key: SecretBytes(Self.key)))
        #expect(text.contains("\"subject\":{\"phoneNumberId\":\"\(prefix)hmac-sha256:\(Hex.string(code))\"}"))
    }

    @Test(arguments: [("+12065550100", "0100"), ("+123", "23"), ("+12", "2"), ("x", "")])
    func last4NeverShowsMoreThanHalf(number: String, shown: String) throws {
        let text = try AuditFixtures.text(AuditFixtures.entry(.intent, subject: number), style: .last4)
        #expect(text.contains("\"subject\":{\"phoneNumberId\":\"\u{2026}\(shown)\"}"))
    }

    @Test(arguments: [AuditSubjectStyle.last4, .pseudonym(key: SecretBytes(key))])
    func theWholeNumberStandsNowhere(style: AuditSubjectStyle) throws {
        for stage in AuditStage.allCases {
            #expect(try !AuditFixtures.text(AuditFixtures.entry(stage), style: style).contains("2065550100"))
            #expect(
                try AuditFixtures.text(AuditFixtures.entry(stage), style: style).contains(#""target":"/phone-numbers/{phoneNumberId}""#))
        }
    }

    @Test(arguments: [
        ("/phone-number/+12065550100", "/phone-number/{masked}"), ("/phone-numbers/%2B1206%35550100/x", "/phone-numbers/{masked}/x"),
        ("/numbers?id=+12065550100", "/numbers?{masked}"), ("/+1206/5550100", "/{masked}/{masked}"), ("/", "/"),
        ("/a//b_c.d~e-f", "/a//b_c.d~e-f"),
        ("*", "{masked}"), ("/a?", "/a?{masked}"), ("/\u{0661}\u{0662}", "/{masked}"),
    ])
    func aTargetWithoutRouteIsMasked(target: String, expected: String) throws {
        var entry = AuditFixtures.entry(.refusal)
        entry.operation = nil
        entry.target = Array(target.utf8)[...]
        #expect(try AuditFixtures.text(entry, style: .last4).contains("\"target\":\"\(expected)\","))
        #expect(try AuditFixtures.text(entry, style: .plain).contains("\"target\":\"\(target)\","))
    }

    @Test func theKeyIsInNoDescription() {
        let rule = AuditRule(path: "audit.jsonl", subject: .pseudonym(key: SecretBytes([207, 211, 223, 227])))
        var dumped = ""
        dump(rule, to: &dumped)
        for text in [dumped, "\(rule)", "\(rule.subject)", String(reflecting: rule)] { #expect(!text.contains("207")) }
    }
}

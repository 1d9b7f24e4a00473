import Testing

@testable import GatewayCore

@Suite struct FreezeTests {
    static let freeze = Freeze(sinceMilliseconds: 1_440_938_160_000, by: "alice", source: "127.0.0.1:4711", reason: "wrong list")

    @Test(arguments: [
        ("GET", false), ("HEAD", false), ("OPTIONS", false), ("DELETE", true), ("POST", true), ("PUT", true), ("PATCH", true),
        ("get", true),
        ("ANYTHING", true), ("", true),
    ])
    func whatIsNotKnownToBeHarmlessIsDestructive(method: String, expected: Bool) {
        #expect(Freeze.isDestructive(method: method) == expected)
    }

    @Test func theFileSaysTheSameWhenItIsRead() {
        #expect(Freeze(text: Self.freeze.text) == Self.freeze)
        let odd = Freeze(sinceMilliseconds: -1, by: "a\nend\nb: c", source: "", reason: "caf\u{E9}\u{0}\u{85}\"")
        #expect(Freeze(text: odd.text) == odd)
        #expect(odd.by == "a end b: c")
    }

    @Test func noCutAndNoAdditionIsReadAsAFreeze() {
        let text = Freeze(sinceMilliseconds: 1, by: "a", source: "b", reason: "c").text
        for count in 0..<text.count { #expect(Freeze(text: String(text.prefix(count))) == nil) }
        for other in [text + "x", " " + text, text.replacing("since: 1", with: "since: one"), text.replacing("freeze 1", with: "freeze 2")]
        {
            #expect(Freeze(text: other) == nil)
        }
    }

    @Test func callersAreToldWhoWhenWhyAndHowItEnds() {
        let refusal = Self.freeze.refusal
        #expect(refusal.kind == .unavailable && refusal.reason == "gateway/frozen")
        for part in ["alice", "wrong list", "2015-08-30T12:36:00", "countersign thaw"] { #expect(refusal.message.contains(part)) }
        #expect(!refusal.message.contains("4711"))
    }

    @Test func longWordsAreCut() {
        let long = Freeze(
            sinceMilliseconds: 0, by: String(repeating: "b", count: 999), source: "", reason: String(repeating: "r", count: 999))
        #expect(long.by.count == 64 && long.reason.count == 200)
    }

    @Test(arguments: [
        ("+12065550100", true), ("call +1 (206) 555-0100 back", true), ("+1.206.555.0100", true), ("12065550100", false),
        ("+1 list", false),
        ("incident 4711", false), ("", false), ("2+2 = 4, 1234567", false),
    ])
    func phoneNumbersAreSeen(text: String, expected: Bool) {
        #expect(Freeze.namesPhoneNumber(text) == expected)
    }
}

import Testing

@testable import GatewayCore

@Suite struct AuditEncoderTests {
    @Test func intentHasTheMembersInTheirOrder() throws {
        #expect(
            try AuditFixtures.text(AuditFixtures.entry(.intent))
                == #","time":"2026-02-01T00:00:00.123Z","stage":"intent","id":"id-1","instance":"gw-1""#
                + #","caller":{"name":"billing","proof":"token"},"source":"192.0.2.1:4711","method":"DELETE""#
                + #","target":"/phone-numbers/%2B12065550100","operation":"DeletePhoneNumber","subject":{"phoneNumberId":"+12065550100"}"#
                + #","upstream":"chime","region":"us-east-1","accessKeyId":"AKIDEXAMPLE""#
                + #","decision":{"verdict":"allowed","limits":["account","fuse"],"waitMs":0}"#)
    }

    @Test func outcomeOfADeletionSaysUntilWhenItCanBeUndone() throws {
        #expect(
            try AuditFixtures.text(AuditFixtures.entry(.outcome)).hasSuffix(
                #","decision":{"verdict":"allowed","state":"answered","limits":["account","fuse"],"waitMs":0},"status":204"#
                    + #","origin":"upstream","upstreamRequestId":"up-1","attempts":1,"durationMs":12.345"#
                    + #","restorableUntil":"2026-02-08T00:00:00.123Z""#))
    }

    @Test func refusalSaysWhatAndWhy() throws {
        #expect(
            try AuditFixtures.text(AuditFixtures.entry(.refusal)).hasSuffix(
                #","decision":{"verdict":"refused","reason":"number/denied","limits":["account","fuse"],"waitMs":0},"status":403"#
                    + #","origin":"gateway","errorType":"ForbiddenException","durationMs":12.345"#))
    }

    @Test func unknownCallerAndRouteAreNull() throws {
        var entry = AuditFixtures.entry(.refusal)
        entry.caller = nil
        entry.operation = nil
        let text = try AuditFixtures.text(entry)
        #expect(text.contains(#""caller":null,"source""#))
        #expect(text.contains(#""operation":null,"subject":null,"accessKeyId""#))
    }

    @Test(arguments: [
        (AuditState.answered, 204, true), (.answered, 200, false), (.answered, 404, false), (.unknownTimeout, 204, false),
        (.notSent, 503, false),
    ])
    func onlyAnAnswered204CanBeUndone(state: AuditState, status: Int, isRestorable: Bool) throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.state = state
        entry.status = status
        #expect(try AuditFixtures.text(entry).contains("restorableUntil") == isRestorable)
    }

    @Test func otherOperationsAreNotRestorable() throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.operation = AuditOperation(
            name: "ListPhoneNumbers", template: "/phone-numbers", parameters: [], upstream: "chime", region: "us-east-1", limits: [])
        #expect(try !AuditFixtures.text(entry).contains("restorableUntil"))
    }

    @Test(arguments: [
        (AuditState.answered, #""state":"answered","#), (.refusedLate, #""state":"refused-late","#),
        (.callerGone, #""state":"caller gone","#), (.notSent, #""state":"notSent","#),
        (.unknownUpstreamClosed, #""state":"unknown: sent, no answer","cause":"upstream closed""#),
        (.unknownTimeout, #""state":"unknown: sent, no answer","cause":"timeout""#),
        (.unknownCallerGone, #""state":"unknown: sent, no answer","cause":"caller gone""#),
        (.unknownShutdown, #""state":"unknown: sent, no answer","cause":"shutdown""#),
    ])
    func eachEndHasItsOwnState(state: AuditState, members: String) throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.state = state
        #expect(try AuditFixtures.text(entry).contains(members))
    }

    @Test func noStatusIsNull() throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.status = 0
        #expect(try AuditFixtures.text(entry).contains(#""status":null"#))
    }

    @Test func severalParametersAreSeveralMembers() throws {
        var entry = AuditFixtures.entry(.intent)
        entry.operation = AuditOperation(
            name: "AssociatePhoneNumber", template: "/a/{account}/n/{number}", parameters: ["account", "number"], upstream: "chime",
            region: "us-east-1", limits: [])
        entry.subject = Array("acct".utf8)[...]
        entry.furtherSubjects = [Array("+12065550100".utf8)[...]]
        #expect(try AuditFixtures.text(entry).contains(#""subject":{"account":"acct","number":"+12065550100"}"#))
    }

    @Test(arguments: [
        ([0x22, 0x5C, 0x2F], #"\"\\/"#), ([0x00, 0x1F, 0x7F], #"\u0000\u001f\u007f"#), ([0x0A, 0x0D, 0x09], #"\n\r\t"#),
        ([0xC3, 0xA9], "é"), ([0xF0, 0x9F, 0x93, 0x9E], "📞"),
        // Overlong, surrogate, beyond U+10FFFF, cut short, lone continuation.
        ([0xC0, 0xAF], "\u{FFFD}\u{FFFD}"), ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
        ([0xF4, 0x90, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xE2, 0x82], "\u{FFFD}\u{FFFD}"), ([0x80, 0x41], "\u{FFFD}A"),
    ])
    func anyBytesBecomeAString(bytes: [UInt8], expected: String) throws {
        var entry = AuditFixtures.entry(.intent)
        entry.source = bytes
        #expect(try AuditFixtures.text(entry).contains("\"source\":\"\(expected)\",\"method\""))
    }

    @Test func longStringsAreCutAndRoomGrowsForEscapes() throws {
        var entry = AuditFixtures.entry(.intent)
        entry.target = Array(repeating: UInt8(0), count: 10_000)[...]
        let text = try AuditFixtures.text(entry)
        #expect(text.contains(String(repeating: #"\u0000"#, count: 4096) + "\u{2026}\""))
        #expect(!text.contains(String(repeating: #"\u0000"#, count: 4097)))
        #expect(text.hasSuffix(#""waitMs":0}"#))
    }

    @Test(arguments: [
        (Int64(0), "0"), (1, "0.001"), (999, "0.999"), (1000, "1"), (1010, "1.010"), (12_345_678, "12345.678"), (-5, "0"),
    ])
    func durationsAreMilliseconds(microseconds: Int64, expected: String) throws {
        var entry = AuditFixtures.entry(.outcome)
        entry.durationMicroseconds = microseconds
        #expect(try AuditFixtures.text(entry).contains("\"durationMs\":\(expected),\"restorableUntil"))
    }

    @Test(arguments: [Int64(0), 7, 10, 99, 100, 4_294_967_296, .max, .min])
    func integersAreWrittenInFull(value: Int64) throws {
        var entry = AuditFixtures.entry(.intent)
        entry.waitMilliseconds = value
        #expect(try AuditFixtures.text(entry).hasSuffix("\"waitMs\":\(value)}"))
    }
}

import Testing

@testable import GatewayCore

@Suite("Routes and the id rule")
struct RouteTableTests {
    @Test(
        "Three spellings, one request",
        arguments: [
            "/phone-numbers/%2B12065550100", "/phone-numbers/+12065550100", "/phone-numbers/%2b12065550100",
            "/phone%2Dnumbers/%2B1206555%30100", "/%70hone-numbers/+1206%35550100",
        ])
    func spellings(target: String) throws {
        let matched = try #require(try Fixture.match(requestHead(target)).matched)
        #expect(matched.route == 0)
        #expect(matched.wirePath.text == "/phone-numbers/%2B12065550100")
        #expect(matched.parameters.map(\.text) == ["+12065550100"])
        #expect(matched.query.isEmpty)
    }

    static let mistakes: [(String, String, Int?)] = [
        // Twice encoded.
        ("/phone-numbers/%252B12065550100", "id/double-encoded", 0), ("/phone-numbers/%252b12065550100", "id/double-encoded", 0),
        ("/phone-numbers/%25252B12065550100", "id/double-encoded", 0), ("/phone-numbers/+1206%2535550100", "id/double-encoded", 0),
        ("/phone-numbers/%252F", "id/double-encoded", 0), ("/phone-numbers/%252E%252E", "id/double-encoded", 0),
        // What two readers could split differently.
        ("/phone-numbers/%2F", "path/encoded-slash", nil), ("/phone-numbers/+1206%2f5550100", "path/encoded-slash", nil),
        ("/phone-numbers%2F+12065550100", "path/encoded-slash", nil), ("/unknown/%2F", "path/encoded-slash", nil),
        ("/phone-numbers/.", "path/dot-segment", nil), ("/phone-numbers/..", "path/dot-segment", nil),
        ("/phone-numbers/%2E", "path/dot-segment", nil), ("/phone-numbers/%2e%2E", "path/dot-segment", nil),
        ("/phone-numbers/.%2e", "path/dot-segment", nil), ("/./phone-numbers/+12065550100", "path/dot-segment", nil),
        ("/x/../phone-numbers/+12065550100", "path/dot-segment", nil), ("/..", "path/dot-segment", nil),
        ("//phone-numbers/+12065550100", "path/empty-segment", nil), ("/phone-numbers//+12065550100", "path/empty-segment", nil),
        ("/phone-numbers//", "path/empty-segment", nil), ("//", "path/empty-segment", nil),
        ("/phone-numbers/+12065550100/", "path/empty-segment", nil),
        // Bytes.
        ("/phone-numbers/%00", "path/control", nil), ("/phone-numbers/+12065550100%00", "path/control", nil),
        ("/phone-numbers/+12065550100%0A", "path/control", nil), ("/phone-numbers/%0d%0a", "path/control", nil),
        ("/phone-numbers/%7F", "path/control", nil), ("/phone-numbers/%1f", "path/control", nil),
        ("/phone-numbers/\u{1}", "path/control", nil),
        ("/phone-numbers/\u{7F}", "path/control", nil), ("/phone-numbers/\u{E9}", "path/control", nil),
        ("/phone-numbers/%", "path/malformed-percent", nil), ("/phone-numbers/%2", "path/malformed-percent", nil),
        ("/phone-numbers/%2G", "path/malformed-percent", nil), ("/phone-numbers/%G2", "path/malformed-percent", nil),
        ("/phone-numbers/%+2", "path/malformed-percent", nil), ("/phone-numbers/%%2B", "path/malformed-percent", nil),
        ("/phone-numbers/%2?", "path/malformed-percent", nil), ("/phone-numbers/%/2B", "path/malformed-percent", nil),
        // The id.
        ("/phone-numbers/", "id/empty", 0), ("/phone-numbers/%201206555010", "id/blank-for-plus", 0),
        ("/phone-numbers/%2012065550100", "id/blank-for-plus", 0), ("/phone-numbers/ 12065550100", "path/control", nil),
        ("/phone-numbers/12065550100", "id/format", 0), ("/phone-numbers/+", "id/format", 0), ("/phone-numbers/+1", "id/format", 0),
        ("/phone-numbers/+02065550100", "id/format", 0), ("/phone-numbers/+1234567890123456", "id/format", 0),
        ("/phone-numbers/++12065550100", "id/format", 0), ("/phone-numbers/+1206555010x", "id/format", 0),
        ("/phone-numbers/+1206%20555", "id/format", 0), ("/phone-numbers/%20", "id/format", 0),
        ("/phone-numbers/+12065550100%20", "id/format", 0),
        ("/phone-numbers/%D9%A1%D9%A2", "id/format", 0), ("/phone-numbers/%EF%BC%8B12065550100", "id/format", 0),
        ("/phone-numbers/*", "id/format", 0), ("/phone-numbers/+12065550100;v=1", "id/format", 0), ("/phone-numbers/+1%25", "id/format", 0),
        // The query.
        ("/phone-numbers/+12065550100?", "query/unexpected", 0), ("/phone-numbers/+12065550100?a=b", "query/unexpected", 0),
        ("/phone-numbers/+12065550100?/..", "query/unexpected", 0),
        // The form.
        ("", "path/form", nil), ("*", "path/form", nil), ("phone-numbers/+12065550100", "path/form", nil), ("?a", "path/form", nil),
        ("http://elsewhere.example/phone-numbers/+12065550100", "path/form", nil),
    ]

    @Test("Refused with 400, and the mistake is named", arguments: mistakes)
    func mistake(target: String, reason: String, route: Int?) throws {
        let matching = try Fixture.match(requestHead(target))
        let refusal = try #require(matching.refusal)
        #expect(refusal.reason == reason)
        #expect(refusal.kind == .badRequest)
        #expect(!refusal.closesConnection)
        #expect(matching.routeOfRefusal == route)
        // A sentence, and none of what was sent.
        #expect(refusal.message.hasSuffix(".") && refusal.message.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
        #expect(!refusal.message.contains("12065550199"))
    }

    @Test("Every length that E.164 allows", arguments: 2...15)
    func lengths(digits: Int) throws {
        let number = "+9" + String(repeating: "0", count: digits - 1)
        #expect(try Fixture.match(requestHead("/phone-numbers/\(number)")).matched?.parameters.map(\.text) == [number])
    }

    @Test(
        "No such route",
        arguments: [
            ("DELETE", "/"), ("DELETE", "/phone-numbers"), ("DELETE", "/phone-numbers/+12065550100/more"),
            ("GET", "/phone-numbers/+12065550100"),
            ("delete", "/phone-numbers/+12065550100"), ("DELETE", "/Phone-Numbers/+12065550100"), ("POST", "/phone-numbers/+12065550100"),
            ("DELETE", "/phone-numbers2/+12065550100"), ("PURGE", "/phone-numbers/+12065550100"), ("HEAD", "/phone-numbers"),
        ])
    func noRoute(method: String, target: String) throws {
        let matching = try Fixture.match(requestHead(method, target))
        #expect(matching.refusal?.reason == "route/none")
        #expect(matching.refusal?.kind == .notFound)
        #expect(matching.routeOfRefusal == nil)
    }

    @Test("A table without routes finds none")
    func emptyTable() throws {
        #expect(try Fixture.match(requestHead("/a"), in: RouteTable(rules: [])).refusal?.reason == "route/none")
    }

    @Test(
        "A body where the operation has none",
        arguments: [
            (.none, nil), (.length(0), nil), (.length(1), "body/unexpected"), (.length(.max), "body/unexpected"),
            (.chunked, "body/unexpected"),
            (.untilClose, "body/unexpected"),
        ] as [(BodyFraming, String?)])
    func body(framing: BodyFraming, reason: String?) throws {
        let refusal = try Fixture.match(requestHead("/phone-numbers/+12065550100", framing: framing)).refusal
        #expect(refusal?.reason == reason)
        // The body is not read, so nobody knows where the next request starts.
        #expect(refusal?.closesConnection ?? true)
        #expect(try Fixture.match(requestHead("POST", "/accounts/a/users/b", framing: framing)).matched != nil)
    }

    @Test("Over HTTP/2 a head without a length may be all there is") func openEndOverHTTP2() throws {
        for (framing, reason) in [(.chunked, nil), (.length(0), nil), (.length(1), "body/unexpected")] as [(BodyFraming, String?)] {
            var head = requestHead("/phone-numbers/+12065550100", framing: framing)
            head.version = .http2
            #expect(try Fixture.match(head).refusal?.reason == reason)
        }
    }

    @Test("Several parameters keep their places and are encoded once each")
    func severalParameters() throws {
        let matched = try #require(try Fixture.match(requestHead("POST", "/accounts/a%20b/users/%C3%A9+~%40")).matched)
        #expect(matched.route == 1)
        #expect(matched.parameters.map(\.text) == ["a b", "\u{E9}+~@"])
        #expect(matched.wirePath.text == "/accounts/a%20b/users/%C3%A9%2B~%40")
    }

    @Test(
        "Ids of any form",
        arguments: [
            ("%20", "id/empty"), ("%20%20", "id/empty"), ("%41", nil), ("%FF", "id/encoding"), ("%C3%28", "id/encoding"),
            ("%ED%A0%80", "id/encoding"),
            ("%C0%AF", "id/encoding"), ("%2541", "id/double-encoded"), ("100%25", nil), ("%25zz", nil), ("%25%34%31", "id/double-encoded"),
            ("a.b", nil), ("...", nil), ("%2e%2e%2e", nil), ("%5C", nil), ("%20x", nil), ("a%3Fb%23c", nil),
        ])
    func anyForm(segment: String, reason: String?) throws {
        for target in ["/accounts/\(segment)/users/u", "/accounts/a/users/\(segment)"] {
            #expect(try Fixture.match(requestHead("POST", target)).refusal?.reason == reason)
        }
    }

    @Test("The first route that fits is taken, in the order of the configuration")
    func order() throws {
        var special = Fixture.deletePhoneNumber
        special.segments = [.literal("phone-numbers"), .literal("+12065550100")]
        for (rules, expected) in [([special, Fixture.deletePhoneNumber], 0), ([Fixture.deletePhoneNumber, special], 0)] {
            #expect(
                try Fixture.match(requestHead("/phone-numbers/%2B12065550100"), in: RouteTable(rules: rules)).matched?.route == expected)
        }
        #expect(
            try Fixture.match(requestHead("/phone-numbers/+1206"), in: RouteTable(rules: [special, Fixture.deletePhoneNumber])).matched?
                .route == 1)
    }
}

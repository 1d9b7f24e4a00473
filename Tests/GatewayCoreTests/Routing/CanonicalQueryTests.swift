import Testing

@testable import GatewayCore

@Suite("The query that is sent and signed")
struct CanonicalQueryTests {
    @Test(
        "One form",
        arguments: [
            ("", ""), ("&", ""), ("&&", ""), ("a", "a="), ("a=", "a="), ("=", "="), ("=b", "=b"), ("a=b", "a=b"), ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"), ("a=1&a", "a=&a=1"), ("&a=1&&b=2&", "a=1&b=2"), ("a=b=c", "a=b%3Dc"), ("a+b=c+d", "a%2Bb=c%2Bd"),
            ("a=%2B", "a=%2B"), ("a=%2b", "a=%2B"), ("a=%20", "a=%20"), ("a=%7E*~", "a=~%2A~"), ("%61=%62", "a=b"), ("a=%252B", "a=%252B"),
            ("next-token=a/b==", "next-token=a%2Fb%3D%3D"), ("A=1&a=2&B=3", "A=1&B=3&a=2"), ("a=%E2%98%83", "a=%E2%98%83"),
            // By bytes after encoding: "-" and "." before digits, and "%" before all of them.
            ("a-=1&a=2&a%20=3", "a=2&a%20=3&a-=1"), ("a=%00", "a=%00"),
            ("max-results=99&status=Assigned", "max-results=99&status=Assigned"),
            ("a?b=c?d", "a%3Fb=c%3Fd"), ("a;b", "a%3Bb="),
        ])
    func oneForm(query: String, expected: String) throws {
        let matched = try #require(try Fixture.match(requestHead("GET", "/phone-numbers?\(query)")).matched)
        #expect(matched.query.text == expected)
        // It is its own canonical form.
        #expect(try Fixture.match(requestHead("GET", "/phone-numbers?\(expected)")).matched?.query.text == expected)
    }

    @Test("Malformed", arguments: ["%", "a=%", "a=%2", "a=%2G", "%G0=a", "a=b c", "a=\u{1}", "a=\u{7F}", "a=\u{E9}", "a=%2&b=3"])
    func malformed(query: String) throws {
        let matching = try Fixture.match(requestHead("GET", "/phone-numbers?\(query)"))
        #expect(matching.refusal?.reason == "query/malformed")
        #expect(matching.routeOfRefusal == 2)
    }

    @Test("What looks like a path in a query is none")
    func pathInQuery() throws {
        let matched = try #require(try Fixture.match(requestHead("GET", "/phone-numbers?a=/../%2F..")).matched)
        #expect(matched.query.text == "a=%2F..%2F%2F..")
        #expect(matched.wirePath.text == "/phone-numbers")
    }
}

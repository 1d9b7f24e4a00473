import Testing

@testable import ChimeDouble

struct FormTests {
    @Test(arguments: [
        ("", "/"), ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("//a///b", "/a/b"), ("/./a", "/a"), ("/a/./b", "/a/b"),
        ("/a/../b", "/b"), ("/../a", "/a"), ("/a/..", "/"), ("/a/b/..", "/a/"), ("/a/.", "/a/"), ("/%2e%2e/a", "/%252e%252e/a"),
        ("/a b", "/a%20b"), ("/~-_.", "/~-_."), ("/*!'():@;=,", "/%2A%21%27%28%29%3A%40%3B%3D%2C"), ("/\u{e9}", "/%C3%A9"),
    ])
    func canonicalPath(raw: String, canonical: String) {
        #expect(CanonicalForm.path(raw[...]) == canonical)
    }

    @Test(arguments: [
        ("", ""), ("a", "a="), ("a=", "a="), ("b=1&a=2", "a=2&b=1"), ("a=2&a=1", "a=1&a=2"), ("a=1=2", "a=1%3D2"),
        ("a=%7E", "a=~"), ("a=b+c", "a=b%2Bc"), ("a=%20", "a=%20"), ("a=%zz", "a=%25zz"), ("&&a=1&", "a=1"), ("A=1&a=1", "A=1&a=1"),
    ])
    func canonicalQuery(raw: String, canonical: String) {
        #expect(CanonicalForm.query(raw[...]) == canonical)
    }

    @Test(arguments: [
        ("19700101T000000Z", 0), ("20150830T123600Z", 1_440_938_160), ("20000229T235959Z", 951_868_799),
        ("19991231T235959Z", 946_684_799), ("20261124T120000Z", SignedExample.noon / 1000),
    ])
    func readsDates(text: String, seconds: Int64) {
        #expect(CivilTime.seconds(basic: text) == seconds)
        let extended = CivilTime.iso8601(milliseconds: seconds * 1000 + 7)
        #expect(extended.filter { !"-:".contains($0) } == text.dropLast() + ".007Z")
    }

    @Test(arguments: [
        "", "20150830", "20150830T123600", "20150830 123600Z", "20151330T123600Z", "20150231T123600Z", "20150830T243600Z",
        "20150830T126000Z", "2015083OT123600Z", "20150830T123600z",
    ])
    func refusesDates(text: String) {
        #expect(CivilTime.seconds(basic: text) == nil)
    }

    @Test func writesJSON() {
        let value = JSONText.object([
            ("a", .string("q\"b\\n\nt\tr\r\u{1}\u{e9}")), ("b", .array([.number(-1), .boolean(true), .boolean(false), .null])),
            ("c", .object([])),
        ])
        #expect(value.text == #"{"a":"q\"b\\n\nt\tr\r\u0001é","b":[-1,true,false,null],"c":{}}"#)
    }

    @Test func requestIdentifiersAreVersion4() {
        let identifiers = Set((0..<100).map { _ in RequestIdentifier.random() })
        #expect(identifiers.count == 100)
        for identifier in identifiers {
            #expect(identifier.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        }
    }
}

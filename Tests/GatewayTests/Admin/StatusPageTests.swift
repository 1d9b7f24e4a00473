import Foundation
import Testing

@testable import Gateway

@Suite("The pages for people and programs")
struct StatusPageTests {
    @Test(
        "Text is text, whatever it holds",
        arguments: [
            ("plain", "plain"), ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("a & b &lt;", "a &amp; b &amp;lt;"), ("", ""), ("caf\u{E9}", "caf\u{E9}"),
        ])
    func escaping(text: String, expected: String) {
        #expect(StatusPage.escaped(text) == expected)
        #expect(
            StatusPage.table(text, [text], [[text]])
                == "<h2>\(expected)</h2><table><thead><tr><th>\(expected)</th></tr></thead><tbody><tr><td>\(expected)</td></tr></tbody></table>"
        )
    }

    @Test("Nothing from outside opens an element", arguments: [true, false])
    func page(ready: Bool) {
        let page = StatusPage.render(.sample(odd: "<b id=\"x\">&", ready: ready))
        #expect(!page.contains("<b id") && !page.contains("<script"))
        #expect(page.contains("&lt;b id=&quot;x&quot;&gt;&amp;"))
        #expect(page.hasPrefix("<!doctype html><html lang=\"en\">") && page.hasSuffix("</body></html>\n"))
        #expect(page.contains(ready ? "<p class=\"good\">ready</p>" : "<p class=\"bad\">audit: "))
    }

    @Test("An empty table says so")
    func emptyTable() {
        #expect(StatusPage.table("T", ["a", "b"], []).contains("<td colspan=\"2\">none</td>"))
    }

    @Test(
        "The status is one JSON object that a parser reads back",
        arguments: ["plain", "a\"b\\c\n\u{1}", "caf\u{E9} \u{1F4DE}", "</script>"])
    func json(odd: String) throws {
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(StatusText.render(.sample(odd: odd, ready: false)).utf8)) as? [String: Any])
        #expect(object["ready"] as? Bool == false)
        #expect(object["reasons"] as? [String] == ["audit: \(odd)"])
        #expect(object["listeners"] as? [String] == ["127.0.0.1:8080", odd])
        #expect((object["refusals"] as? [String: Int])?[odd] == 1)
        #expect((object["audit"] as? [String: Any])?["reason"] as? String == odd)
        #expect(object["uptimeSeconds"] as? Int == 5)
        #expect(object["started"] as? String == "2015-08-30T12:36:00.000Z")
        let limit = try #require((object["limits"] as? [[String: Any]])?.first)
        #expect(limit["ratePerSecond"] as? Double == 2.5)
        #expect(limit["upstream"] as? String == odd)
    }
}

import Digests
import Foundation
import Testing

@testable import Gateway

@Suite("The pages for people and programs")
struct StatusPageTests {
    @Test("The page is one document that loads nothing and holds nothing of a gateway")
    func page() {
        let page = StatusPage.answer.body
        #expect(StatusPage.answer.status == 200 && StatusPage.answer.contentType == "text/html; charset=utf-8")
        #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">") && page.hasSuffix("</body>\n</html>\n"))
        #expect(page.contains("<style>\(StatusPage.style)</style>"))
        #expect(page.contains("<script type=\"module\">\(StatusPage.script)</script>"))
        #expect(!page.contains("{{"))
        for outside in [" src=", "@import", "url(", "https://", "srcset", "<iframe", "<object"] {
            #expect(!page.contains(outside), "\(outside)")
        }
        #expect(page.contains("<noscript>"))
    }

    @Test(
        "Its script makes text of texts, and code of nothing",
        arguments: [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc", "createContextualFragment",
        ])
    func script(way: String) { #expect(!StatusPage.script.contains(way)) }

    @Test("The policy allows that style and that script by their hashes, and no others")
    func policy() throws {
        let policy = try #require(StatusPage.answer.fields.first { $0.0 == "Content-Security-Policy" }?.1)
        let directives = policy.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
        for wanted in [
            "default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
            "require-trusted-types-for 'script'", "trusted-types 'none'",
        ] { #expect(directives.contains(wanted)) }
        for (name, text) in [("script-src", StatusPage.script), ("style-src", StatusPage.style)] {
            let hash = Data(try SHA256.hash(Array(text.utf8))).base64EncodedString()
            #expect(directives.contains("\(name) 'sha256-\(hash)'"))
        }
        #expect(!policy.contains("unsafe"))
    }

    @Test(
        "The status is one JSON object that a parser reads back",
        arguments: ["plain", "a\"b\\c\n\u{1}", "caf\u{E9} \u{1F4DE}", "</script>"])
    func json(odd: String) throws {
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(StatusDocument.render(.sample(odd: odd, ready: false)).utf8)) as? [String: Any])
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

    @Test("What is written is read back by the same declaration")
    func roundTrip() throws {
        var snapshot = AdminSnapshot.sample()
        snapshot.pools[0].lastFailure = LastFailure.Note(reason: "upstream/refused", timeMilliseconds: 1_440_938_164_000)
        let read = try JSONDecoder().decode(StatusDocument.self, from: Data(StatusDocument.render(snapshot).utf8))
        #expect(read.upstreams[0].lastFailure?.reason == "upstream/refused")
        #expect(read.upstreams[0].lastFailure?.time == "2015-08-30T12:36:04.000Z")
        #expect(read.audit?.lastSeq == nil && read.audit?.lagSeconds == 0)
        #expect(read.limits[0].remaining == 7 && read.limits[0].route == nil)
    }

    @Test("An upstream's last failure is the newest one, by its word")
    func lastFailure() {
        let failures = LastFailure()
        #expect(failures.last == nil)
        failures.note(.refused, at: 1)
        failures.note(.unreachable("No route to host"), at: 2)
        #expect(failures.last == LastFailure.Note(reason: "upstream/unreachable", timeMilliseconds: 2))
    }
}

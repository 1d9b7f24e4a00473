import Foundation
import GatewayCore
import Testing

@testable import GatewayConfig

/// Keys that the sample does not use, or that the loader does not read, would fail here.
@Suite struct EveryKeyTests {
    /// `listeners[].tls` in the sample: an entry that has it.
    private static let places = [
        "": "", "listeners[]": "listeners[0]", "listeners[].tls": "listeners[2].tls",
        "listeners[].tls.additionalCertificates[]": "listeners[2].tls.additionalCertificates[0]",
        "listeners[].timeouts": "listeners[0].timeouts",
        "listeners[].limits": "listeners[0].limits", "admin": "admin", "credentials.*": "credentials.chime",
        "upstreams.*": "upstreams.chime",
        "callers[]": "callers[0]", "limits.*": "limits.account", "routes[]": "routes[0]",
        "routes[].parameters.*": "routes[0].parameters.phoneNumberId", "audit": "audit", "audit.file": "audit.file",
        "audit.mirror": "audit.mirror", "audit.rotate": "audit.rotate", "audit.checkpoint": "audit.checkpoint",
        "audit.ship[]": "audit.ship[0]", "drain": "drain",
        "limitStore": "limitStore", "callers[].allOf[]": "callers[5].allOf[0]", "routes[].callers[]": "routes[0].callers[2]",
        "routes[].callers[].parameters.*": "routes[0].callers[2].parameters.phoneNumberId",
    ]

    static let all: [String] = ConfigurationKeys.byPath.flatMap { path, keys in
        keys.map { key in places[path].map { $0.isEmpty ? key : "\($0).\(key)" } ?? "no place for \(path)" }
    }.sorted()

    @Test(arguments: all, ["[]", "null"])
    func isReadAndRefusedWhenOfTheWrongKind(path: String, value: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: try Sample.json(replacing: path, with: value), folder: folder)
        #expect(mistakes.contains { $0.path == path }, "\(mistakes)")
    }

    private static let strangeStrings = [
        "", " ", ":", "::", "[", "]", "[]:1", "[:", "/", "//", "{}", "/{", "/{}", "${", "${}", "}${", "%", "redis://", "redis://@",
        "redis://:%@h",
        "https://[", "https://:1", "https://@", "unix:", "unix://", "spiffe://", "-", "+", "+0", "1/", "/s", "ms", "18446744073709551616d",
        "\u{0}", "\u{1F600}", "\u{FFFF}/\u{E9}", "٣/s", String(repeating: "[", count: 300), String(repeating: "9", count: 300),
    ]

    /// Whatever stands in a value, the answer is settings or mistakes with a place, and nobody crashes. Each key gets another part
    /// of the strings; the next test gives all of them to every form.
    @Test(arguments: Array(all.enumerated()))
    func survivesStrangeValues(index: Int, path: String) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let strings = Self.strangeStrings.enumerated().filter { $0.offset % 13 == index % 13 }.map(\.element)
        let quoted = try strings.map { String(String(decoding: try JSONEncoder().encode([$0]), as: UTF8.self).dropFirst().dropLast()) }
        for value in quoted + ["-9223372036854775808", "9223372036854775807", "[null]", "{\"a\": [1, {}]}"] {
            for mistake in Sample.mistakes(in: try Sample.json(replacing: path, with: value), folder: folder) {
                #expect(mistake.line != nil && !mistake.problem.isEmpty && !mistake.remedy.isEmpty, "\(mistake)")
            }
        }
    }

    @Test(arguments: strangeStrings)
    func everyFormSurvivesStrangeStrings(text: String) {
        for path in ["", "x", "/x"] {
            _ = try? BindAddressText.parse(path + text, directory: "/d")
            _ = try? PathTemplate(path + text)
            _ = try? URLText("https://" + path + text, schemes: ["https"], example: "")
            _ = try? URLText(path + text, schemes: ["https"], example: "")
            _ = try? HostText(path + text, ports: 0...9)
            _ = try? RateText.parse(path + text)
            _ = try? DurationText.parse(path + text)
            _ = try? SizeText.parse(path + text)
            _ = try? NetworkPrefix(cidr: path + text)
            _ = URLText.decoded(path + text)
            _ = NameRule.problem(path + text)
            _ = Suggestion.nearest(to: path + text, among: ["bind", "mode"])
        }
        #expect(Shown.quoted(text).unicodeScalars.count <= 85)
    }

    @Test func theSampleIsGood() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        #expect(Sample.mistakes(in: Sample.json, folder: folder) == [])
    }

    @Test func everyMistakeIsReportedAtOnceInTheOrderOfTheFile() throws {
        let folder = try TemporaryFolder()
        let json = """
            {
              "listeners": [ { "bind": "0.0.0.0:80", "mode": 660 } ],
              "lissteners": [],
              "credentials": { "chime": { "type": "static", "accessKeyId": "${ABSENT}" } },
              "upstreams": { "chime": { "url": "chime", "credentials": "chimes", "maxConnections": "64" } },
              "callers": [ { "name": "billing" }, { "name": "billing", "networks": ["10.0.0.1/8"] } ],
              "limits": { "fuse": { "rate": "often" } },
              "routes": [ { "method": "delete", "path": "x", "upstream": "x", "limits": ["fuse", "fuze"], "callers": ["bill"] } ],
              "audit": { "file": { "sync": "yes" } }
            }
            """
        #expect(
            Sample.mistakes(in: json, folder: folder).map(\.path) == [
                "listeners[0]", "listeners[0].mode", "listeners[0].mode", "lissteners", "credentials.chime.secretAccessKey",
                "credentials.chime.accessKeyId", "upstreams.chime.service", "upstreams.chime.region", "upstreams.chime.url",
                "upstreams.chime.credentials", "upstreams.chime.maxConnections", "callers[0]", "callers[1].name", "callers[1].networks[0]",
                "limits.fuse.rate", "routes[0].operation", "routes[0].method", "routes[0].path", "routes[0].upstream",
                "routes[0].limits[1]",
                "routes[0].callers[0]", "audit.file.path", "audit.file.sync",
            ])
    }

    @Test func aKeyThatStandsTwiceIsAMistakeAtItsSecondPlace() throws {
        let folder = try TemporaryFolder()
        let mistakes = Sample.mistakes(in: "{\n  \"drain\": {\"delay\": \"1s\",\n    \"delay\": \"2s\"}}", folder: folder)
        let mistake = try #require(mistakes.first { $0.path == "drain.delay" })
        #expect(mistake.line == 3 && mistake.column == 5)
        #expect(mistake.description == "drain.delay (line 3, column 5): this key stands twice in one object: remove one of the two")
    }
}

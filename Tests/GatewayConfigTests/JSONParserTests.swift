import Foundation
import Testing

@testable import GatewayConfig

@Suite struct JSONParserTests {
    @Test(arguments: [
        ("true", JSONValue.boolean(true)), ("false", .boolean(false)), ("null", .null), ("0", .integer(0)), ("-12", .integer(-12)),
        ("1", .integer(1)), ("1.0", .number("1.0")), ("1e3", .number("1e3")), ("-0.5E-2", .number("-0.5E-2")),
        ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number("9223372036854775808")), ("\"\"", .string("")),
        (#""a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00""#, .string("a\"\\/\u{8}\u{c}\n\r\té\u{e9}\u{1F600}")), ("[]", .array([])),
        (" \t\r\n{ } ", .object([])),
        ("\u{FEFF}1", .integer(1)),
    ])
    func reads(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(Array(text.utf8)).value == value)
    }

    @Test(arguments: [
        ("", 1, 1, "the file is empty"), (" \n", 2, 1, "the file is empty"), ("a: b", 1, 1, "not JSON"), ("[", 1, 2, "ends where a value"),
        ("{", 1, 2, "ends where a key"), ("{\"a\"", 1, 5, "ends where a colon"),
        ("[1", 1, 3, "ends where a comma"),
        ("{\n  \"a\": 1,\n}", 2, 9, "comma stands before the end of the object"),
        ("[1,]", 1, 3, "comma stands before the end of the array"),
        ("[1 2]", 1, 4, "a comma or the end of the array should stand here"), ("{a: 1}", 1, 2, "a key in double quotes"),
        ("{'a': 1}", 1, 2, "single quote"), ("// x\n{}", 1, 1, "no comments"), ("{\"a\" 1}", 1, 6, "a colon after the key"),
        ("[tru]", 1, 2, "a value"),
        ("[01]", 1, 2, "start with 0"), ("[1.]", 1, 2, "not complete"), ("[-]", 1, 2, "not complete"), ("[1e+]", 1, 2, "not complete"),
        ("[+1]", 1, 2, "a value"), ("[.5]", 1, 2, "a value"), ("[NaN]", 1, 2, "a value"), ("[\"a\nb\"]", 1, 2, "end of a line"),
        ("[\"é\", \"a", 1, 7, "not closed"), ("[\"\\x\"]", 1, 3, "no escape"), ("[\"\\u12G4\"]", 1, 3, "four hexadecimal digits"),
        ("[\"\\u+123\"]", 1, 3, "four hexadecimal digits"), ("[\"\\ud800\"]", 1, 3, "half of a surrogate pair"),
        ("[\"\\udc00\\ud800\"]", 1, 3, "half of a surrogate pair"), ("[\"\\ud800\\u0041\"]", 1, 3, "half of a surrogate pair"),
        ("{} {}", 1, 4, "more after the end"), ("[\"\\", 1, 3, "not closed"),
    ])
    func refusesWithPlace(text: String, line: Int, column: Int, problem: String) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
        let place = SourceText(Array(text.utf8)).place(of: error.offset)
        #expect(place == (line, column))
        #expect(error.problem.contains(problem), "\(error.problem)")
    }

    @Test func refusesWhatIsNotUTF8() throws {
        #expect(throws: JSONSyntaxError(offset: 0, problem: "this string is not UTF-8", remedy: "save the file as UTF-8")) {
            try JSONParser.parse([0x22, 0xFF, 0x22])
        }
    }

    @Test func refusesDeepNestingInsteadOfOverflowingTheStack() {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(throws: Never.self) {
            try JSONParser.parse(Array((String(repeating: "[", count: 32) + String(repeating: "]", count: 32)).utf8))
        }
    }

    /// The sample cut short, or with one byte changed, ends in an answer, not in a crash, and whatever is accepted here
    /// Foundation accepts too.
    @Test func agreesWithFoundationOnWhatIsJSON() {
        let bytes = Array(Sample.json.utf8)
        for length in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(bytes[..<length])) }
        }
        // No 'e': Foundation also refuses numbers that fit no Double (3e768), which are JSON all the same.
        let replacements = Array("{}[]\",:\\0.-tn ".utf8)
        for position in bytes.indices {
            var changed = bytes
            changed[position] = replacements[position % replacements.count]
            guard (try? JSONParser.parse(changed)) != nil else { continue }
            #expect(
                (try? JSONSerialization.jsonObject(with: Data(changed), options: .fragmentsAllowed)) != nil,
                "\(String(decoding: changed, as: UTF8.self))")
        }
    }

    @Test func syntaxErrorsComeAsMistakes() throws {
        let errors = try #require(throws: ConfigurationErrors.self) {
            try ConfigurationLoader.read(json: "{\n  // hello\n}", directory: "/")
        }
        #expect(errors.description == "configuration: 1 mistake\n  line 2, column 3: JSON has no comments: remove the comment")
    }
}

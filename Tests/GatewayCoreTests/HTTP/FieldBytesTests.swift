import Testing

@testable import GatewayCore

@Suite("Field lines as bytes")
struct FieldBytesTests {
    static let fields = [
        ("Host", "a.example"), ("x-empty", ""), ("x-colon", "a: b: c"), ("x", "y"), ("x-high", "caf\u{E9}"), ("x-blank", "a  b"),
        ("X-Last", ":"),
    ]

    @Test("What is written is read back, from both codecs' forms")
    func roundTrip() {
        for section in [requestHead("/", Self.fields).fields, compactSection(Self.fields)] {
            var output: [UInt8] = []
            for line in section.lines { FieldBytes.append(line, of: section, to: &output) }
            #expect(output == Array(Self.fields.map { "\($0): \($1)\r\n" }.joined().utf8))
            #expect(writtenLines(output) == Self.fields.map { "\($0): \($1)" })
        }
    }

    @Test("Blanks around a value are not copied, whatever stands between colon and value")
    func oddSpacing() {
        let raw = Array("Name:value\r\nName:\t  value \r\nName:  x\r\n".utf8)
        var section = FieldSection(bytes: raw)
        section.lines = [
            FieldLine(name: ByteRange(0, 4), value: ByteRange(5, 10), kind: .other),
            FieldLine(name: ByteRange(12, 16), value: ByteRange(20, 25), kind: .other),
            FieldLine(name: ByteRange(28, 32), value: ByteRange(35, 36), kind: .other),
        ]
        var output: [UInt8] = []
        for line in section.lines { FieldBytes.append(line, of: section, to: &output) }
        #expect(String(decoding: output, as: UTF8.self) == "Name: value\r\nName: value\r\nName: x\r\n")
    }

    @Test("Numbers are decimal", arguments: [0, 1, 9, 10, 99, 100, 65_536, Int.max])
    func numbers(number: Int) {
        var output: [UInt8] = []
        FieldBytes.append(number, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == String(number))
    }

    @Test(
        "An unfinished line is no line, and no crash",
        arguments: [("", 0), ("a", 0), ("a:", 0), ("a: b", 0), ("a: b\r", 1), ("a:\r\n", 1), ("a: b\r\nc", 1), ("a: b\r\nc: d\r\n", 2)])
    func unfinished(text: String, count: Int) {
        #expect(writtenLines(Array(text.utf8)).count == count)
    }

    @Test("A section that HTTP/2 builds holds the same lines as one that HTTP/1.1 parses")
    func sections() {
        let parsed = requestHead("/", Self.fields).fields
        let built = compactSection(Self.fields)
        #expect(built.lines.map(\.kind) == parsed.lines.map(\.kind))
        #expect(built.lines.map { built.string($0.name) } == parsed.lines.map { parsed.string($0.name) })
        #expect(built.lines.map { built.string($0.value) } == parsed.lines.map { parsed.string($0.value) })
        #expect(built.first(.host).map { built.string($0.value) } == "a.example")
        #expect(built.first(.date) == nil)
    }
}

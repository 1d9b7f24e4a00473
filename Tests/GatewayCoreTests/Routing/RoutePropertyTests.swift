import Testing

@testable import GatewayCore

/// Properties that every accepted target has, over targets drawn from the alphabet of mistakes.
@Suite("Every accepted path")
struct RoutePropertyTests {
    static let pieces = [
        "/", "/", "/", "phone-numbers", "phone-numbers/", "accounts", "users", "+1206555", "0100", "12", ".", "..", "%2E", "%2e%2e", "%2B",
        "%2b",
        "+", "%", "%2", "%25", "%252B", "%2F", "%00", "%20", " ", "?", "a=b", "&", "=", "%C3%A9", "%C3", "%FF", "\u{1}", "~", ";", "@",
        "\\", "%5c",
        "#", ":", "é",
    ]
    /// One route for each depth, so that whatever the path rule lets through is matched.
    static let table = RouteTable(
        rules: (1...6).map { depth in
            RouteRule(
                operation: "Depth\(depth)", method: "DELETE", template: "/", segments: (0..<depth).map { .parameter("p\($0)") },
                upstream: "chime", allowsQuery: true)
        })

    static func decoded(_ wire: [UInt8]) -> [[UInt8]]? {
        guard wire.first == UInt8(ascii: "/") else { return nil }
        var segments: [[UInt8]] = [[]]
        var index = 1
        while index < wire.count {
            switch wire[index] {
            case UInt8(ascii: "/"): segments.append([])
            case UInt8(ascii: "%"):
                guard index + 2 < wire.count,
                    let value = UInt8(
                        wire[(index + 1)...(index + 2)].map { Character(UnicodeScalar($0)) }.reduce(into: "") { $0.append($1) }, radix: 16)
                else { return nil }
                segments[segments.count - 1].append(value)
                index += 2
            default: segments[segments.count - 1].append(wire[index])
            }
            index += 1
        }
        return segments
    }

    @Test("Is decoded once, encoded once, and means the same when it comes again", arguments: [1, 2, 3, 4] as [UInt64])
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let identified = try Fixture.identified()
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...8, using: &generator)
            let target = "/" + (0..<count).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }.joined()
            guard let matched = Self.table.match(requestHead(target), identified).matched else { continue }
            accepted += 1
            let sent = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
            let segments = try #require(Self.decoded(Array(sent.utf8)))
            #expect(Self.decoded(matched.wirePath) == segments, "\(target)")
            #expect(matched.parameters == segments, "\(target)")
            // The bytes for the wire are in their one form: unreserved, or an escape with capital digits, or a slash.
            #expect(matched.wirePath.allSatisfy { PercentEncoding.isUnreserved($0) || $0 == 0x25 || $0 == 0x2F })
            #expect(
                !segments.contains {
                    $0.isEmpty || $0 == [0x2E] || $0 == [0x2E, 0x2E] || $0.contains(0x2F) || $0.contains { $0 < 0x20 || $0 == 0x7F }
                })
            let query = matched.query.isEmpty ? [] : [0x3F] + matched.query
            let again = try #require(Self.table.match(requestHead("DELETE", target: matched.wirePath + query), identified).matched)
            #expect(again.route == matched.route && again.wirePath == matched.wirePath && again.query == matched.query)
            #expect(again.parameters == matched.parameters)
        }
        #expect(accepted > 500)
    }

    @Test("Random bytes are answered, never crashed on", arguments: [5, 6] as [UInt64])
    func randomBytes(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let identified = try Fixture.identified()
        let alphabet = Array("/%?.+2Bbf0 ".utf8) + [0, 0x7F, 0xC3, 0xA9, 0xFF]
        for _ in 0..<40_000 {
            let target = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] : UInt8.random(in: 0...255, using: &generator)
            }
            switch Self.table.match(requestHead("DELETE", target: target), identified) {
            case .granted(let matched): #expect(matched.wirePath.first == UInt8(ascii: "/"))
            case .refused(let unmatched): #expect(unmatched.refusal.kind == .badRequest || unmatched.refusal.kind == .notFound)
            }
        }
    }

    @Test("An E.164 route lets through what the expression of the contract matches, and nothing else", arguments: [7, 8] as [UInt64])
    func expression(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let identified = try Fixture.identified()
        let alphabet = Array("+0123456789 x".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            // Half of them begin well, so that both answers occur.
            var id: [UInt8] = Bool.random(using: &generator) ? [0x2B] : []
            id += (0..<Int.random(in: 1...17, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<(Bool.random(using: &generator) ? 11 : 13), using: &generator)]
            }
            var escaped: [UInt8] = []
            for byte in id { PercentEncoding.append(byte, to: &escaped) }
            let isNumber = try #/^\+[1-9][0-9]{1,14}$/#.wholeMatch(in: id.text) != nil
            let matched = Fixture.table.match(requestHead("DELETE", target: Array("/phone-numbers/".utf8) + escaped), identified).matched
            #expect((matched != nil) == isNumber, "\(id.text)")
            accepted += isNumber ? 1 : 0
        }
        #expect(accepted > 50)
    }
}

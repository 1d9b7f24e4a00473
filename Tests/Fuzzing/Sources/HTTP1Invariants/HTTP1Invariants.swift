import GatewayCore
import Wire

/// What must hold for any input; a breach traps, which is what a fuzzer looks for.
public enum HTTP1Invariants {
    /// Any bytes as the requests of one connection.
    public static func checkRequests(_ input: [UInt8]) {
        check(input, read: { HTTP1Transcript.requests(input, cuts: $0) }, fields: \.fields)
        for message in HTTP1Transcript.requests(input).messages {
            let head = message.head
            let hosts = head.fields.lines.count { $0.kind == .host }
            precondition(hosts == 1 || (hosts == 0 && head.version == .http10), "a request has one host")
            precondition(head.fields[head.target].first == UInt8(ascii: "/"), "a target has origin form")
            precondition(!head.expectsContinue || head.framing != .none, "only a body is waited for")
            checkFraming(head.fields, head.framing)
        }
    }

    /// Any bytes as the answer to a GET, and to a HEAD.
    public static func checkResponses(_ input: [UInt8]) {
        for toHEAD in [false, true] {
            check(input, read: { HTTP1Transcript.responses(input, cuts: $0, toHEAD: toHEAD) }, fields: \.fields)
            for message in HTTP1Transcript.responses(input, toHEAD: toHEAD).messages {
                precondition((100...999).contains(message.head.status))
                precondition(message.head.framing == .none || !toHEAD, "an answer to HEAD has no body")
                checkFraming(message.head.fields, message.head.framing)
            }
        }
    }

    private static func check<Head>(
        _ input: [UInt8], read: ([Int]) -> HTTP1Transcript<Head>, fields: (Head) -> FieldSection
    ) {
        var whole = read([])
        precondition(whole.consumed <= input.count)
        for message in whole.messages { checkLines(fields(message.head)) }
        // Three cuts that depend on the input, and every byte by itself: the same meaning. Where a body fails, what counts as taken may differ.
        let seed = input.reduce(17) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF }
        let somewhere = [seed % (input.count + 1), seed / 7 % (input.count + 1), seed / 49 % (input.count + 1)].sorted()
        for cuts in [somewhere, Array(0..<input.count)] {
            var parts = read(cuts)
            if case .failed = whole.ending {
                parts.consumed = 0
                whole.consumed = 0
            }
            precondition(parts == whole, "the cuts changed the meaning")
        }
    }

    private static func checkLines(_ section: FieldSection) {
        for line in section.lines {
            let name = section[line.name]
            precondition(!name.isEmpty && name.allSatisfy(ASCII.isToken), "a field has a name")
            precondition(name.withUnsafeBytes { FieldName($0) } == line.kind)
            let value = section[line.value]
            precondition(value.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }, "a value holds no controls")
            precondition(![0x09, 0x20].contains(value.first) && ![0x09, 0x20].contains(value.last), "a value has no blanks around it")
        }
    }

    private static func checkFraming(_ section: FieldSection, _ framing: BodyFraming) {
        let lengths = section.lines.count { $0.kind == .contentLength }
        let codings = section.lines.count { $0.kind == .transferEncoding }
        precondition(lengths + codings <= 1, "a message is framed once")
        switch framing {
        case .chunked: precondition(codings == 1)
        case .length: precondition(lengths == 1)
        case .untilClose: precondition(lengths + codings == 0)
        case .none: break
        }
    }
}

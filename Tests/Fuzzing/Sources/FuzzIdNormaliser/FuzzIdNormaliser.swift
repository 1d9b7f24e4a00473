import Digests
import GatewayCore

/// Any bytes as a request target, against routes of every depth and form.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let target = Array(UnsafeBufferPointer(start: data, count: count))
    guard let matched = IdInvariants.match(target) else { return 0 }
    IdInvariants.check(target, matched)
    return 0
}

/// What must hold for every target that is accepted; a breach traps.
enum IdInvariants {
    private static let routes = RouteTable(
        rules: [
            RouteRule(
                operation: "DeletePhoneNumber", method: "DELETE", template: "/phone-numbers/{id}",
                segments: [.literal("phone-numbers"), .parameter("id")], upstream: "chime",
                parameters: [ParameterRule(name: "id", format: .e164)])
        ]
            + (1...5).map { depth in
                RouteRule(
                    operation: "Depth", method: "DELETE", template: "/", segments: (0..<depth).map { .parameter("p\($0)") },
                    upstream: "chime", allowsQuery: true)
            })

    private static let identified: IdentifiedRequest? = {
        guard let sha256 = try? SHA256Context() else { return nil }
        let peer = Peer(address: .unix(userID: 1, groupID: 1), source: [])
        guard case .granted(let identified) = CallerTable(rules: nil).identify(head([]), from: peer, sha256: sha256) else { return nil }
        return identified
    }()

    static func match(_ target: [UInt8]) -> MatchedRequest? {
        guard let identified else { preconditionFailure("there is no caller to match for") }
        switch routes.match(head(target), identified) {
        case .granted(let matched): return matched
        case .refused(let unmatched):
            precondition(unmatched.refusal.kind == .badRequest || unmatched.refusal.kind == .notFound)
            return nil
        }
    }

    static func check(_ target: [UInt8], _ matched: MatchedRequest) {
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        guard let sent = decode(path), let wire = decode(matched.wirePath[...]) else {
            preconditionFailure("an accepted path can be decoded")
        }
        precondition(sent == wire, "decoded once and encoded once, a path names the same segments")
        for segment in wire {
            precondition(!segment.isEmpty && segment != [0x2E] && segment != [0x2E, 0x2E], "no signer removes a segment")
            precondition(
                segment.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }, "no control and no slash hides in a segment")
        }
        precondition(matched.wirePath.allSatisfy { PercentEncoding.isUnreserved($0) || $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "/") })
        precondition(!matched.query.contains { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: "?") })
        if matched.route == 0 { precondition(isE164(wire[1]), "only a phone number passes for one") }
        let again = matched.wirePath + (matched.query.isEmpty ? [] : [UInt8(ascii: "?")] + matched.query)
        guard let second = match(again) else { preconditionFailure("what goes on the wire would be accepted") }
        precondition(second.route == matched.route && second.wirePath == matched.wirePath && second.query == matched.query)
        precondition(second.parameters == matched.parameters)
    }

    private static func head(_ target: [UInt8]) -> RequestHead {
        let bytes = Array("DELETE ".utf8) + target
        return RequestHead(fields: FieldSection(bytes: bytes), method: ByteRange(0, 6), target: ByteRange(7, bytes.count))
    }

    /// The segments between slashes, written here a second time in the plainest way.
    private static func decode(_ path: ArraySlice<UInt8>) -> [[UInt8]]? {
        var segments: [[UInt8]] = []
        for raw in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            var segment: [UInt8] = []
            var rest = raw
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "%") else {
                    segment.append(byte)
                    continue
                }
                guard let high = rest.popFirst().flatMap(ASCII.hexValue), let low = rest.popFirst().flatMap(ASCII.hexValue) else {
                    return nil
                }
                segment.append(high * 16 + low)
            }
            segments.append(segment)
        }
        return segments
    }

    private static func isE164(_ value: [UInt8]) -> Bool {
        value.first == UInt8(ascii: "+") && (3...16).contains(value.count) && value[1] != UInt8(ascii: "0")
            && value.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }
}

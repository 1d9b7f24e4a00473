/// A request-target's path, percent-decoded exactly once, segment by segment (RFC 3986 section 2.4: never twice).
///
/// What is refused here is refused on every route, because two readers of the same bytes could take it for different paths: AWS's signer
/// removes dot segments and empty segments, so three wire paths would share one signature.
public struct TargetPath: Sendable, Equatable {
    /// The decoded bytes of all segments, one after the other, without the slashes.
    public private(set) var decoded: [UInt8]
    /// Where each segment stands in `decoded`.
    public private(set) var segments: [Range<Int>]
    /// The query as sent, without `?`; nil where the target has no `?`.
    public private(set) var query: ByteRange?

    public subscript(segment: Int) -> ArraySlice<UInt8> { decoded[segments[segment]] }

    /// Splits and decodes the target of `head`.
    public static func parse(_ head: RequestHead) -> Decision<TargetPath> {
        var path = TargetPath(decoded: [], segments: [], query: nil)
        path.segments.reserveCapacity(4)
        var refusal: Refusal?
        // Decoding never makes a target longer. The bytes are written past the array's checks, which would cost more than the decoding.
        path.decoded = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: head.target.count) { decoded in
            var count = 0
            refusal = head.fields.withBytes(head.target) { path.read($0, offset: Int(head.target.start), into: decoded, &count) }
            return Array(UnsafeBufferPointer(rebasing: decoded[..<count]))
        }
        if refusal == nil { refusal = path.check() }
        if let refusal { return .refused(refusal) }
        return .granted(path)
    }

    private init(decoded: [UInt8], segments: [Range<Int>], query: ByteRange?) {
        self.decoded = decoded
        self.segments = segments
        self.query = query
    }

    /// Splits and decodes; `decoded` has room for all of `target`, and `count` says how much of it is used.
    private mutating func read(
        _ target: UnsafeRawBufferPointer, offset: Int, into decoded: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int
    ) -> Refusal? {
        guard target.first == UInt8(ascii: "/") else { return Self.notOrigin }
        var index = 1
        var start = 0
        while index < target.count {
            let byte = target[index]
            switch byte {
            case UInt8(ascii: "?"):
                query = ByteRange(offset + index + 1, offset + target.count)
                index = target.count
                continue
            case UInt8(ascii: "/"):
                segments.append(start..<count)
                start = count
            case UInt8(ascii: "%"):
                guard index + 2 < target.count, let high = ASCII.hexValue(target[index + 1]), let low = ASCII.hexValue(target[index + 2])
                else { return Self.malformedPercent }
                let value = high << 4 | low
                if value == UInt8(ascii: "/") { return Self.encodedSlash }
                if value < 0x20 || value == 0x7F { return Self.control }
                decoded[count] = value
                count += 1
                index += 2
            default:
                if byte <= 0x20 || byte >= 0x7F { return Self.control }
                decoded[count] = byte
                count += 1
            }
            index += 1
        }
        segments.append(start..<count)
        return nil
    }

    private func check() -> Refusal? {
        for (position, segment) in segments.enumerated() {
            if isDotSegment(segment) { return Self.dotSegment }
            // An empty last segment is left to the route: it may be the place of an id, and then the refusal says so.
            if segment.isEmpty, position < segments.count - 1 { return Self.emptySegment }
        }
        return nil
    }

    private func isDotSegment(_ segment: Range<Int>) -> Bool {
        (segment.count == 1 || segment.count == 2) && decoded[segment].allSatisfy { $0 == UInt8(ascii: ".") }
    }

    static let notOrigin = Refusal(.badRequest, "path/form", "The request target must be a path that starts with '/'.")
    static let malformedPercent = Refusal(
        .badRequest, "path/malformed-percent",
        "A '%' in the path must be followed by two hexadecimal digits, as in %2B; write a literal '%' as %25.")
    static let encodedSlash = Refusal(
        .badRequest, "path/encoded-slash", "The path holds an encoded slash (%2F), which no id of this service contains: remove it.")
    static let control = Refusal(
        .badRequest, "path/control",
        "The path holds a control character, a blank or a byte outside ASCII: percent-encode the id as UTF-8 without controls.")
    static let dotSegment = Refusal(
        .badRequest, "path/dot-segment", "The path holds a '.' or '..' segment, plain or encoded: send the final path.")
    static let emptySegment = Refusal(
        .badRequest, "path/empty-segment",
        "The path holds an empty segment ('//'): send each segment once, as in /phone-numbers/%2B12065550100.")
}

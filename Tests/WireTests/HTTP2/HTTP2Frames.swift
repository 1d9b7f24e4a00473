@testable import Wire

/// Raw frames, lawful or not, as a peer would put them on the wire (RFC 9113 section 4.1).
enum Frame {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Any frame; `length` overrules the true length.
    static func raw(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = [], length: Int? = nil) -> [UInt8] {
        let count = length ?? payload.count
        return [UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), type, flags] + big(stream) + payload
    }

    static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) } }

    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> [UInt8] {
        raw(0, flags: end ? 1 : 0, stream: stream, payload)
    }

    static func headers(_ stream: UInt32, _ block: [UInt8], end: Bool = true, endHeaders: Bool = true) -> [UInt8] {
        raw(1, flags: (end ? 1 : 0) | (endHeaders ? 4 : 0), stream: stream, block)
    }

    static func priority(_ stream: UInt32, dependsOn: UInt32 = 0) -> [UInt8] { raw(2, stream: stream, big(dependsOn) + [15]) }
    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> [UInt8] { raw(3, stream: stream, big(code)) }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        raw(4, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xFF)] + big($0.1) })
    }

    static let settingsAck = raw(4, flags: 1)
    static func ping(ack: Bool = false) -> [UInt8] { raw(6, flags: ack ? 1 : 0, [1, 2, 3, 4, 5, 6, 7, 8]) }
    static func goAway(last: UInt32 = 0, _ code: UInt32 = 0) -> [UInt8] { raw(7, big(last) + big(code)) }
    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] { raw(8, stream: stream, big(increment)) }

    static func continuation(_ stream: UInt32, _ block: [UInt8], endHeaders: Bool = true) -> [UInt8] {
        raw(9, flags: endHeaders ? 4 : 0, stream: stream, block)
    }
}

/// Header blocks without compression: literals that are not indexed, no Huffman coding (RFC 7541 section 6.2.2).
enum HPACK {
    static func field(_ name: String, _ value: String) -> [UInt8] { [0x00] + string(Array(name.utf8)) + string(Array(value.utf8)) }
    static func field(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] { [0x00] + string(name) + string(value) }
    static func block(_ fields: [(String, String)]) -> [UInt8] { fields.flatMap { field($0.0, $0.1) } }

    static func string(_ bytes: [UInt8]) -> [UInt8] { integer(bytes.count, prefix: 7) + bytes }

    static func integer(_ value: Int, prefix: Int, pattern: UInt8 = 0) -> [UInt8] {
        let limit = 1 << prefix - 1
        if value < limit { return [pattern | UInt8(value)] }
        var rest = value - limit
        var bytes = [pattern | UInt8(limit)]
        while rest >= 128 {
            bytes.append(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static let get: [(String, String)] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "gateway.test")]
    static let post: [(String, String)] = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "gateway.test")]
    static let getBlock = block(get)
    static let postBlock = block(post)
}

/// A frame that a session sent.
struct SentFrame: Equatable {
    var type: UInt8
    var flags: UInt8
    var streamID: Int32
    var payload: [UInt8]

    var word: UInt32 { payload.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

    static func parse(_ bytes: [UInt8]) -> [SentFrame] {
        var frames: [SentFrame] = []
        var offset = 0
        while offset + 9 <= bytes.count {
            let length = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            let stream = bytes[(offset + 5)..<(offset + 9)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let end = min(offset + 9 + length, bytes.count)
            frames.append(
                SentFrame(
                    type: bytes[offset + 3], flags: bytes[offset + 4], streamID: Int32(bitPattern: stream),
                    payload: Array(bytes[(offset + 9)..<end])))
            offset = end
        }
        return frames
    }
}

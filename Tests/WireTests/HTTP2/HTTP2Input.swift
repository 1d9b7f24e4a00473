import GatewayCore
import Wire

/// How the bytes of a fuzz input, or of a file of the corpus, become a conversation: two bytes of options, then what the peer sends.
struct HTTP2Input {
    /// What the rest of the input is.
    enum Form {
        /// Sent as it is.
        case bytes
        /// Frames without their lengths: type, flags, low byte of the stream, count of the payload, payload. Whatever a fuzzer does to these, the
        /// frames stay frames, so it gets behind the framing.
        case frames
    }

    var form: Form
    /// The preface (of a client) and SETTINGS with its acknowledgement go first.
    var isStarted: Bool
    /// Messages are answered as soon as they are complete, with a body and trailers.
    var answers: Bool
    /// Bodies are consumed as they come; otherwise the window shuts.
    var consumes: Bool
    /// Every third stream is reset from within the call that tells of its head.
    var resets: Bool
    /// Sends what there is to send after each piece; otherwise at the end alone.
    var drains: Bool
    /// In bytes, at least 1.
    var pieceByteCount: Int
    var bytes: [UInt8]

    init(_ input: [UInt8], startsAsClient: Bool) {
        let options = input.first ?? 0
        form = options & 1 == 0 ? .frames : .bytes
        isStarted = options & 2 == 0
        answers = options & 4 != 0
        consumes = options & 8 == 0
        resets = options & 16 != 0
        drains = options & 32 == 0
        pieceByteCount = Int(input.dropFirst().first ?? 0) + 1
        let rest = Array(input.dropFirst(2))
        bytes = isStarted ? (startsAsClient ? Self.preface : []) + Self.settings : []
        bytes += form == .bytes ? rest : Self.frames(rest)
    }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0]

    private static func frames(_ rest: [UInt8]) -> [UInt8] {
        var frames: [UInt8] = []
        var left = rest[...]
        while left.count >= 4 {
            let start = left.startIndex
            let payload = left.dropFirst(4).prefix(Int(left[start + 3]))
            frames += [0, 0, UInt8(payload.count), left[start], left[start + 1], 0, 0, 0, left[start + 2]] + payload
            left = left.dropFirst(4 + payload.count)
        }
        return frames
    }
}

import GatewayCore

@testable import Wire

/// What a session told about one stream.
struct StreamLog: Equatable {
    var method = ""
    var target = ""
    var status = 0
    var informational: [Int] = []
    var fields: [String] = []
    var framing: BodyFraming?
    var body: [UInt8] = []
    var ended = false
    var trailers: [String]?
    var refused: HTTP1Error?
    var closed: HTTP2StreamClosure?
    var writable = 0
}

extension FieldSection {
    var texts: [String] { lines.map { "\(string($0.name)): \(string($0.value))" } }

    init(_ fields: [(String, String)]) {
        self.init()
        for (name, value) in fields {
            Array(name.utf8).withUnsafeBytes { name in Array(value.utf8).withUnsafeBytes { append(name: name, value: $0) } }
        }
    }
}

/// Records everything; answers nothing by itself unless `answer` is set.
final class Recorder: HTTP2ServerDelegate, HTTP2ClientDelegate {
    var log: [Int32: StreamLog] = [:]
    var goAways: [HTTP2ErrorCode] = []
    var goAwayLast: [Int32] = []
    var pings: [UInt64] = []
    var resets: [Int32: HTTP2ErrorCode] = [:]
    var settings = 0
    /// Calls that break the delegate's contract: anything for a stream that was reported closed.
    var violations = 0
    /// Called at the end of each request.
    var answer: ((Int32, StreamLog) -> Void)?
    var consume: ((Int32, Int) -> Void)?
    var onWritable: ((Int32) -> Void)?

    func requestHead(_ streamID: Int32, _ head: RequestHead) {
        log[streamID, default: StreamLog()].method = head.fields.string(head.method)
        log[streamID, default: StreamLog()].target = head.fields.string(head.target)
        log[streamID, default: StreamLog()].fields = head.fields.texts
        log[streamID, default: StreamLog()].framing = head.framing
    }

    func requestRefused(_ streamID: Int32, _ error: HTTP1Error) { log[streamID, default: StreamLog()].refused = error }

    func informationalHead(_ streamID: Int32, _ head: ResponseHead) {
        log[streamID, default: StreamLog()].informational.append(head.status)
    }

    func responseHead(_ streamID: Int32, _ head: ResponseHead) {
        log[streamID, default: StreamLog()].status = head.status
        log[streamID, default: StreamLog()].fields = head.fields.texts
        log[streamID, default: StreamLog()].framing = head.framing
    }

    func settingsReceived() { settings += 1 }

    func streamBody(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer) {
        if log[streamID]?.closed != nil || log[streamID]?.ended == true || log[streamID]?.refused != nil { violations += 1 }
        log[streamID, default: StreamLog()].body.append(contentsOf: bytes)
        consume?(streamID, bytes.count)
    }

    func streamEnd(_ streamID: Int32, trailers: FieldSection?) {
        if log[streamID]?.closed != nil || log[streamID]?.ended == true || log[streamID]?.refused != nil { violations += 1 }
        log[streamID, default: StreamLog()].ended = true
        log[streamID, default: StreamLog()].trailers = trailers?.texts
        answer?(streamID, log[streamID] ?? StreamLog())
    }

    func streamClosed(_ streamID: Int32, _ closure: HTTP2StreamClosure) {
        if log[streamID]?.closed != nil { violations += 1 }
        log[streamID, default: StreamLog()].closed = closure
    }

    func streamReset(_ streamID: Int32, _ error: HTTP2ErrorCode) { resets[streamID] = error }

    func streamWritable(_ streamID: Int32) {
        log[streamID, default: StreamLog()].writable += 1
        onWritable?(streamID)
    }

    func goAwayReceived(lastStreamID: Int32, error: HTTP2ErrorCode) {
        goAways.append(error)
        goAwayLast.append(lastStreamID)
    }

    func pingAcknowledged(_ payload: UInt64) { pings.append(payload) }
}

extension HTTP2ServerSession {
    func take(_ bytes: [UInt8], now: UInt64 = 1, _ recorder: Recorder) {
        bytes.withUnsafeBytes { receive($0, now: now, delegate: recorder) }
    }

    func output(limit: Int = .max, _ recorder: Recorder) -> [UInt8] {
        var bytes: [UInt8] = []
        drainOutput(limit: limit, delegate: recorder) { bytes.append(contentsOf: $0) }
        return bytes
    }
}

/// A server session fed with raw frames.
final class RawClient {
    let session: HTTP2ServerSession
    let recorder = Recorder()
    var sent: [SentFrame] = []

    init(limits: HTTP2Limits = HTTP2Limits()) throws { session = try HTTP2ServerSession(limits: limits) }

    func start() { send(Frame.preface + Frame.settings() + Frame.settingsAck) }

    func send(_ bytes: [UInt8], now: UInt64 = 1) {
        session.take(bytes, now: now, recorder)
        drain()
    }

    func drain() { sent += SentFrame.parse(session.output(recorder)) }

    /// The code of the last GOAWAY that ends the connection for an error.
    var goAway: HTTP2ErrorCode? {
        sent.last { $0.type == 7 }.map { HTTP2ErrorCode(rawValue: $0.payload[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) }
    }

    func reset(_ stream: Int32) -> HTTP2ErrorCode? {
        sent.last { $0.type == 3 && $0.streamID == stream }.map { HTTP2ErrorCode(rawValue: $0.word) }
    }
}

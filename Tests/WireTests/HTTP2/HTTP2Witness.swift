import GatewayCore
import Wire

/// Hears what a session tells and holds it to what it promises (`HTTP2SessionDelegate`); a breach traps.
final class HTTP2Witness: HTTP2ServerDelegate, HTTP2ClientDelegate {
    /// One stream as it was told.
    struct Stream: Equatable {
        var request: RequestHead?
        var response: ResponseHead?
        var refused: HTTP1Error.Kind?
        var body: [UInt8] = []
        var isEnded = false
        var trailers: FieldSection?
        var closed: HTTP2StreamClosure?
        var unconsumed = 0
    }

    private(set) var streams: [Int32: Stream] = [:]
    private let limits: HTTP2Limits
    private let windowByteCount: Int
    var onHead: (Int32) -> Void = { _ in }
    var onBody: (Int32, Int) -> Void = { _, _ in }
    var onEnd: (Int32) -> Void = { _ in }

    /// - Parameter windowByteCount: of a stream; the limit holds once the peer has acknowledged it, and 65,535 until then.
    init(limits: HTTP2Limits, windowByteCount: Int = 65_535) {
        self.limits = limits
        self.windowByteCount = windowByteCount
    }

    /// A client's requests are known before anything comes.
    func submitted(_ id: Int32) { streams[id] = Stream() }

    func requestHead(_ id: Int32, _ head: RequestHead) {
        precondition(id > 0 && id % 2 == 1 && streams[id] == nil, "a request opens a stream of its client's")
        streams[id] = Stream(request: head)
        precondition(!head.fields[head.method].isEmpty && head.fields[head.method].allSatisfy(ASCII.isToken))
        precondition(head.fields[head.target].first == UInt8(ascii: "/") && head.target.count <= limits.targetBytes)
        precondition(head.version == .http2 && head.isPersistent)
        precondition(head.fields.lines.count { $0.kind == .host } == 1, "a request has one host")
        check(head.fields)
        onHead(id)
    }

    func requestRefused(_ id: Int32, _ error: HTTP1Error) {
        precondition(id > 0 && id % 2 == 1 && streams[id] == nil)
        streams[id] = Stream(refused: error.kind)
        onHead(id)
    }

    func informationalHead(_ id: Int32, _ head: ResponseHead) {
        precondition((100...199).contains(head.status) && streams[id].map { $0.response == nil && $0.closed == nil } == true)
        check(head.fields)
    }

    func responseHead(_ id: Int32, _ head: ResponseHead) {
        precondition((200...999).contains(head.status), "a final status")
        precondition(streams[id].map { $0.response == nil && $0.closed == nil } == true, "one answer to one request")
        streams[id]?.response = head
        check(head.fields)
        onHead(id)
    }

    func streamBody(_ id: Int32, _ bytes: UnsafeRawBufferPointer) {
        precondition(!bytes.isEmpty && isOpen(id), "a body lies between head and end")
        streams[id]?.body += bytes
        streams[id]?.unconsumed += bytes.count
        precondition((streams[id]?.unconsumed ?? 0) <= windowByteCount, "no more than the window waits")
        precondition(streams.values.reduce(0) { $0 + ($1.closed == nil ? $1.unconsumed : 0) } <= Int(limits.connectionWindowBytes))
        onBody(id, bytes.count)
    }

    func streamEnd(_ id: Int32, trailers: FieldSection?) {
        precondition(isOpen(id), "an end follows a head, once")
        streams[id]?.isEnded = true
        streams[id]?.trailers = trailers
        if let trailers { check(trailers) }
        onEnd(id)
    }

    func streamClosed(_ id: Int32, _ closure: HTTP2StreamClosure) {
        precondition(streams[id].map { $0.closed == nil } == true, "what was told of is closed once")
        streams[id]?.closed = closure
    }

    func streamWritable(_ id: Int32) { precondition(streams[id].map { $0.closed == nil } == true) }

    func consumed(_ id: Int32, _ count: Int) { streams[id]?.unconsumed -= count }

    private func isOpen(_ id: Int32) -> Bool {
        guard let stream = streams[id] else { return false }
        return stream.closed == nil && !stream.isEnded && stream.refused == nil && (stream.request != nil || stream.response != nil)
    }

    private func check(_ section: FieldSection) {
        // The host, joined cookies and method stand beside the fields that are counted.
        precondition(section.lines.count <= limits.fieldCount + 2 && section.bytes.count <= limits.headerListBytes)
        for line in section.lines {
            let name = section[line.name]
            precondition(!name.isEmpty && name.allSatisfy { ASCII.isToken($0) && !(0x41...0x5A).contains($0) }, "a name in lower case")
            precondition(name.withUnsafeBytes { FieldName($0) } == line.kind)
            precondition(section[line.value].allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }, "a value holds no controls")
        }
    }
}

import GatewayCore
import Glibc
import Wire

/// One request over HTTP/1.1, by a thread that may block: for the few requests that fetch credentials, never for a caller's.
struct HTTPFetch {
    var isTLS: Bool
    var host: String
    var port: Int
    /// Path and query.
    var target: String
    var method = "GET"
    /// Beside `Host`, `Content-Length` and `Connection`.
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// For the whole exchange, in milliseconds.
    var timeoutMilliseconds: UInt64 = 5000

    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
        /// The service's clock by its `Date`.
        var clock: ClockSample?

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Answers are small documents.
    private static let answerByteLimit = 1 << 20

    /// `http://` or `https://`, a host, perhaps a port and a path. nil for anything else.
    init?(url: String) {
        let scheme: Substring
        if url.hasPrefix("http://") { scheme = "http://" } else if url.hasPrefix("https://") { scheme = "https://" } else { return nil }
        isTLS = scheme == "https://"
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        target = String(rest.dropFirst(authority.count))
        if !target.hasPrefix("/") { target = "/" + target }
        var name = authority
        port = isTLS ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            port = number
            name = authority[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        guard !name.isEmpty, !name.contains("@"), target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        host = String(name)
    }

    /// The `Host` field's value.
    var authority: String {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? bracketed : "\(bracketed):\(port)"
    }

    /// - Parameter isCancelled: asked now and then whether to give up.
    func run(isCancelled: @escaping () -> Bool) throws(ConnectionFailure) -> Answer {
        let sockets = SocketConnecting(timeoutMilliseconds: timeoutMilliseconds, isCancelled: isCancelled)
        let deadline = AuditInbox.milliseconds() + timeoutMilliseconds
        let session = try tlsSession()
        let stream = ShipStream(descriptor: try sockets.tcp(host, port), kind: .tcp, session: session)
        var incoming: [UInt8] = []
        stream.receiver = { incoming.append(contentsOf: $0) }
        try stream.pull()
        while !stream.isReady {
            try stream.flush()
            if try sockets.wait(stream.descriptor, Self.events(stream), until: deadline) { try stream.readInput() }
        }
        try stream.enqueue(message, ends: [])
        let sentAt = Clock.monotonicNanoseconds()
        var clock: ClockSample?
        var parser = ResponseHeadParser()
        var decoder: (head: ResponseHead, body: BodyDecoder)?
        var content: [UInt8] = []
        var hasEnded = false
        while true {
            let isComplete = try Self.take(&incoming, &parser, &decoder, &content, isHEAD: method == "HEAD")
            if clock == nil, let decoder { clock = ClockSample(decoder.head, sentAt: sentAt) }
            if isComplete, let decoder {
                stream.close()
                return Answer(status: decoder.head.status, body: content, clock: clock)
            }
            guard !hasEnded else {
                // A body without a length ends with the connection; nothing else may.
                if let decoder, decoder.head.framing == .untilClose {
                    return Answer(status: decoder.head.status, body: content, clock: clock)
                }
                throw ConnectionFailure("the connection ended before the answer was complete")
            }
            try stream.flush()
            guard try sockets.wait(stream.descriptor, Self.events(stream), until: deadline) else { continue }
            do throws(ConnectionFailure) { try stream.readInput() } catch {
                // What came before the end may be the whole answer.
                if incoming.isEmpty, decoder == nil { throw error }
                hasEnded = true
            }
        }
    }

    private static func events(_ stream: ShipStream) -> Int16 { Int16(POLLIN) | (stream.hasOutput ? Int16(POLLOUT) : 0) }

    private func tlsSession() throws(ConnectionFailure) -> TLSSession? {
        guard isTLS else { return nil }
        do throws(TLSError) {
            return try TLSSession(client: try TLSClientContext(TLSClientOptions(resumption: false)), serverName: host)
        } catch {
            throw ConnectionFailure("TLS: \(error.sentence)")
        }
    }

    private var message: [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\nConnection: close\r\nUser-Agent: countersign/\(Version.text)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if !body.isEmpty || method == "POST" || method == "PUT" { head += "Content-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }

    /// True once the answer is complete.
    private static func take(
        _ incoming: inout [UInt8], _ parser: inout ResponseHeadParser, _ decoder: inout (head: ResponseHead, body: BodyDecoder)?,
        _ content: inout [UInt8], isHEAD: Bool
    ) throws(ConnectionFailure) -> Bool {
        while true {
            guard decoder != nil else {
                switch incoming.withUnsafeBytes({ parser.parse($0, requestMethodIsHEAD: isHEAD) }) {
                case .incomplete: return false
                case .failed(let error): throw ConnectionFailure("no HTTP answer: \(error.message)")
                case .complete(let head, let consumed):
                    incoming.removeFirst(consumed)
                    if head.status >= 200 { decoder = (head, BodyDecoder(head.framing)) }
                }
                continue
            }
            guard let decoding = incoming.withUnsafeBytes({ decoder?.body.decode($0) }) else { return false }
            switch decoding {
            case .needMore(let consumed):
                incoming.removeFirst(consumed)
                return false
            case .data(let range, let consumed):
                content.append(contentsOf: incoming[range])
                incoming.removeFirst(consumed)
                guard content.count <= answerByteLimit else { throw ConnectionFailure("the answer is larger than any credentials") }
            case .end: return true
            case .failed(let error): throw ConnectionFailure("no HTTP answer: \(error.message)")
            }
        }
    }
}

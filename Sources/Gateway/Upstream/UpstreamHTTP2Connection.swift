import GatewayCore
import NIOCore
import Wire

/// One HTTP/2 connection to an upstream: carries bytes between the channel and an `HTTP2ClientSession`, and lends streams to exchanges
/// (RFC 9113). Everything that its streams send within one turn of the event loop leaves in one write.
final class UpstreamHTTP2Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// No new request goes out on it; it closes with its last stream.
        case goingAway
        case closed
    }

    /// Interim answers (1xx) that may come before the real one.
    private static let mostInterim = 8
    /// Given to the channel at once.
    private static let writeBytes = 131_072
    /// A larger buffer is not kept for the next write: idle connections should be small.
    private static let keptBufferBytes = 16_384

    private let pool: UpstreamPool
    private unowned let worker: Worker
    private let session: HTTP2ClientSession
    private var context: ChannelHandlerContext?
    private var writer: SocketWriter?
    private var phase = Phase.open
    private var streams = HTTP2Streams<UpstreamStream>()
    /// Those that something came for in the read that is going on.
    private var touched: [UpstreamStream] = []
    private var keepAlive: KeepAlive
    private var pings: UInt64 = 0
    /// When its last stream ended (monotonic nanoseconds).
    private var idleSince: UInt64
    private var lines: [FieldLine] = []
    private var written = WrittenAmount()
    private var output = ByteBuffer()
    private var isReading = false
    private var isFlushing = false
    private var flushIsScheduled = false

    /// - Throws: `HTTP2SetupError` when memory has run out.
    init(pool: UpstreamPool, worker: Worker) throws(HTTP2SetupError) {
        self.pool = pool
        self.worker = worker
        session = try HTTP2ClientSession(assumedStreams: pool.streamLimit ?? 1)
        let now = Clock.monotonicNanoseconds()
        let settings = pool.target.settings
        keepAlive = KeepAlive(interval: settings.pingIntervalNanoseconds, timeout: settings.pingTimeoutNanoseconds, now: now)
        idleSince = now
    }

    // MARK: - From the pool

    /// Whether it takes another request now. Not where a request has waited in vain and a PING, too: the connection may be dead.
    var hasRoom: Bool { isUsable && !keepAlive.isSuspect && session.availableStreams > 0 }

    var isUsable: Bool {
        if case .open = phase { return context?.channel.isActive == true }
        return false
    }

    /// Requests that it carries at once: what the upstream allows, at most a hundred.
    var streamLimit: Int { session.streamLimit }

    /// The upstream has yet to say how many it allows.
    var isSettling: Bool { isUsable && !session.hasServerSettings }

    var isIdle: Bool { streams.isEmpty }
    var streamCount: Int { streams.count }

    func isStale(now: UInt64) -> Bool {
        streams.isEmpty && now > idleSince && now - idleSince > pool.target.settings.idleTimeoutNanoseconds
    }

    /// To be called only where it has room.
    func send(_ request: SignedRequest, for exchange: Exchange, now: UInt64) {
        guard let id = submit(request) else { return exchange.upstreamFailed(.closedBeforeRequest) }
        let stream = UpstreamStream(
            id: id, connection: self, request: request, exchange: exchange, timeout: pool.target.settings.responseTimeoutNanoseconds,
            writtenBefore: written, now: now)
        streams.insert(stream, id: id)
        exchange.connection = stream
        wroteOutput()
        if session.isExhausted { goAway() }
    }

    private func submit(_ request: SignedRequest) -> Int32? {
        var taken: [FieldLine] = []
        swap(&taken, &lines)
        return request.bytes.withUnsafeReadableBytes { bytes -> Int32? in
            let head = UnsafeRawBufferPointer(rebasing: bytes[..<request.headCount])
            let body = UnsafeRawBufferPointer(rebasing: bytes[request.headCount...])
            guard var parsed = UpstreamHead.parse(head, lines: taken) else { return nil }
            taken = []
            let id = session.submitRequest(parsed, isSecure: pool.target.tls != nil, hasBody: !body.isEmpty)
            swap(&lines, &parsed.fields.lines)
            guard let id, !body.isEmpty else { return id }
            session.sendBody(id, body)
            session.endBody(id)
            return id
        }
    }

    /// Takes no more requests, and closes with GOAWAY when the last stream has ended.
    func retire() {
        goAway()
        settle()
    }

    private func goAway() {
        guard case .open = phase else { return }
        phase = .goingAway
        pool.openAsNeeded()
    }

    func close() { fail(.closedWithoutAnswer) }

    /// - Parameter information: what the kernel says where the upstream has closed.
    func fail(_ failure: UpstreamFailure, information: TCPInformation? = nil) {
        if case .closed = phase { return }
        phase = .closed
        pool.remove(self)
        let failed = streams.removeAll()
        touched = []
        context?.close(promise: nil)
        for stream in failed {
            if session.hasLeft(stream.id), !isUnread(stream, information) {
                stream.fail(failure)
            } else if let exchange = stream.takeExchange() {
                // It waited for its turn to be written, or nobody has read it.
                end(exchange, stream, HTTP2StreamClosure(error: .refusedStream, isUnprocessed: true))
            }
        }
    }

    private func isUnread(_ stream: UpstreamStream, _ information: TCPInformation?) -> Bool {
        guard let information else { return false }
        return written.isUnread(since: stream.writtenBefore, isSecure: pool.target.tls != nil, information)
    }

    private func end(_ exchange: Exchange, _ stream: UpstreamStream, _ closure: HTTP2StreamClosure) {
        let failed = session.failure != nil || session.isFinished
        switch StreamEnding(closure, wasResetByPeer: stream.wasResetByPeer, connectionFailed: failed, resends: exchange.resends) {
        case .sendAgain: pool.sendAgain(stream.request, for: exchange, refusedBy: self)
        case .fail(let failure): exchange.upstreamFailed(failure)
        }
    }

    func tick(now: UInt64) {
        if case .closed = phase { return }
        for stream in streams.all {
            switch stream.waiting(now: now, unsentBytes: session.unsentBytes(stream.id)) {
            case .patient: break
            case .doubtful:
                // So that it is known whose fault it is when the time is over.
                if keepAlive.doubt(now: now, silence: stream.timeout / 2) == .ping { ping() }
            case .overdue:
                keepAlive.requestTimedOut()
                session.reset(stream.id, .cancel)
                stream.fail(.silent)
                pool.openAsNeeded()
            }
        }
        switch keepAlive.tick(now: now) {
        case .none: break
        case .ping: ping()
        case .dead: return fail(.unresponsive)
        }
        if isStale(now: now) { return retire() }
        flush()
    }

    private func ping() {
        pings += 1
        session.ping(pings)
    }

    // MARK: - From the streams

    /// The caller has taken so many bytes: the upstream may send as many more.
    func consumed(_ id: Int32, _ count: Int) {
        session.consumed(id, count)
        wroteOutput()
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context)
        wroteOutput()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .closed = phase { return }
        isReading = true
        let now = Clock.monotonicNanoseconds()
        let wasSuspect = keepAlive.isSuspect
        keepAlive.heard(now: now)
        unwrapInboundIn(data).withUnsafeReadableBytes { session.receive($0, now: now, delegate: self) }
        if wasSuspect { pool.hasRoom(on: self) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nothing was read: this is the end of input, and what has not been written yet stays here, so that it may be sent elsewhere.
        guard isReading else { return context.fireChannelReadComplete() }
        isReading = false
        let answered = touched
        touched.removeAll(keepingCapacity: true)
        for stream in answered { stream.readIsComplete() }
        flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        inputEnded()
    }

    /// What came before has been read, and nothing more will: no stream that is left can be answered.
    ///
    /// An upstream that closes an idle connection without GOAWAY may do so while a request is on its way. If its kernel had acknowledged
    /// nothing of it when it closed, no process there has read it, and it may be sent again; others may be at work.
    private func inputEnded() {
        guard !streams.isEmpty, let provider = context?.channel as? any SocketOptionProvider else { return close() }
        // On the loop the value is there at once; the call has no synchronous form.
        let loopBound = NIOLoopBound(self, eventLoop: worker.loop)
        let information: EventLoopFuture<TCPInformation> = provider.unsafeGetSocketOption(level: .tcp, name: TCPInformation.optionName)
        information.whenComplete { loopBound.value.fail(.closedWithoutAnswer, information: try? $0.get()) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelInactive(context: ChannelHandlerContext) {
        close()
        context.fireChannelInactive()
    }

    // MARK: - Writing

    /// There is something to write. It leaves at the end of this turn of the loop, together with what others add to it.
    private func wroteOutput() {
        guard !isReading, !isFlushing, !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute { [self] in
            flushIsScheduled = false
            flush()
        }
    }

    private func flush() {
        guard !isFlushing else { return }
        isFlushing = true
        while let context, context.channel.isWritable, session.wantsOutput {
            if case .closed = phase { break }
            session.drainOutput(limit: Self.writeBytes, delegate: self) { output.writeBytes($0) }
            guard output.readableBytes > 0 else { break }
            written.add(output.readableBytes)
            writer?.write(output, to: context)
            if output.capacity > Self.keptBufferBytes { output = ByteBuffer() } else { output.clear() }
        }
        isFlushing = false
        settle()
    }

    /// Closes what has nothing left to do.
    private func settle() {
        guard !isReading, !isFlushing else { return }
        if session.isFinished { return close() }
        guard case .goingAway = phase, streams.isEmpty, !session.isFinishing else { return }
        session.finishShutdown()
        flush()
    }
}

// MARK: - From the session

extension UpstreamHTTP2Connection: HTTP2ClientDelegate {
    func informationalHead(_ streamID: Int32, _ head: ResponseHead) {
        guard let stream = streams[streamID] else { return }
        stream.interimAnswered()
        guard stream.interim > Self.mostInterim else { return }
        session.reset(streamID, .enhanceYourCalm)
        stream.fail(.malformedAnswer("More interim answers came than any exchange needs."))
    }

    func responseHead(_ streamID: Int32, _ head: ResponseHead) {
        guard let stream = streams[streamID] else { return }
        touched.append(stream)
        stream.answered(head)
    }

    func streamBody(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let stream = streams[streamID] else { return session.consumed(streamID, bytes.count) }
        if touched.last !== stream { touched.append(stream) }
        stream.received(body: bytes)
    }

    /// Trailers are not relayed, as over HTTP/1.1: no operation has any.
    func streamEnd(_ streamID: Int32, trailers: FieldSection?) {
        guard let stream = streams[streamID] else { return }
        // An answer may come before the request was read in full; the rest of it is of no use then.
        if session.unsentBytes(streamID) > 0 { session.reset(streamID, .cancel) }
        stream.answerIsWhole()
    }

    func streamReset(_ streamID: Int32, _ error: HTTP2ErrorCode) { streams[streamID]?.wasResetByPeer = true }

    func streamClosed(_ streamID: Int32, _ closure: HTTP2StreamClosure) {
        guard let stream = streams.remove(streamID) else { return }
        if streams.isEmpty {
            idleSince = Clock.monotonicNanoseconds()
            if pool.isRetired, pool.waitingCount == 0 { goAway() }
        }
        if let exchange = stream.takeExchange() { end(exchange, stream, closure) }
        pool.hasRoom(on: self)
    }

    /// A request's body is queued whole.
    func streamWritable(_ streamID: Int32) {}

    func settingsReceived() { pool.streamLimitChanged(on: self) }

    /// Streams above the last one were not processed; the session reports each of them as such after this.
    func goAwayReceived(lastStreamID: Int32, error: HTTP2ErrorCode) {
        goAway()
    }
}

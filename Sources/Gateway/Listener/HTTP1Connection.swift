import GatewayConfig
import GatewayCore
import Glibc
import NIOCore
import Wire

/// One HTTP/1.1 connection of a caller: takes requests off it one at a time, in order, and writes their answers (RFC 9112 section 9.3).
///
/// It makes no decision about a request: heads come from the codec, answers from the exchange. What it does decide is the connection's
/// own life: timeouts, pipelining, half-closure, and when to let go.
final class HTTP1Connection: ChannelInboundHandler, RemovableChannelHandler, DownstreamStream, DownstreamConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Waiting for a request head, or for the rest of one.
        case head
        /// Reading a request's body.
        case body(BodyDecoder)
        /// The request is read; its answer is under way.
        case answering
        /// The last answer is out; what still comes is thrown away so that the answer is not lost to a reset (RFC 9112 section 9.6).
        case lingering
        case closed
    }

    /// Unread bytes beyond which no more are taken from the socket while an answer is under way.
    private static let pipelineBytes = 65_536
    private static let lingerNanoseconds: UInt64 = 2_000_000_000
    /// For the first request of a connection that a drain meets.
    private static let graceNanoseconds: UInt64 = 1_000_000_000

    let worker: Worker
    let peer: Peer
    /// Where it stands in the worker's table.
    var tableIndex = -1

    private let settings: ListenerSettings
    private var context: ChannelHandlerContext?
    private var writer: SocketWriter?
    private var parser: RequestHeadParser
    private var phase = Phase.head
    private var phaseStart: UInt64
    private var input = ByteBuffer()
    private var answer = HTTP1AnswerWriter()
    private var exchange: Exchange?
    private var isProcessing = false
    private var isPaused = false
    /// The next request waits until the caller has taken the answers to those before it.
    private var awaitsRoom = false
    private var inputEnded = false
    private var hasServed = false
    private var version = HTTPVersion.http11
    private var requestIsPersistent = true
    private var requestIsHEAD = false
    private var closesAfterAnswer = false
    private var bodyIsRead = true
    private var wantsBody = false
    private var expectsContinue = false
    /// Its listener is gone.
    private var isRetiring = false
    /// The drain waits for the first request, for a moment.
    private var isAwaitedByDrain = false

    init(worker: Worker, peer: Peer, settings: ListenerSettings) {
        self.worker = worker
        self.peer = peer
        self.settings = settings
        let limits = settings.limits
        parser = RequestHeadParser(
            limits: HeadLimits(startLineBytes: limits.startLineBytes, fieldCount: limits.fieldCount, headBytes: limits.headBytes))
        phaseStart = Clock.monotonicNanoseconds()
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context)
        worker.connections.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connectionIsGone()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        connectionIsGone()
        context.fireChannelInactive()
    }

    private func connectionIsGone() {
        guard tableIndex >= 0 else { return }
        worker.connections.remove(self)
        stopBeingAwaited()
        phase = .closed
        exchange?.callerIsGone()
        exchange = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .lingering, .closed: return
        default: break
        }
        let isFresh = input.readableBytes == 0
        if isFresh {
            input = bytes
        } else {
            // A caller that always has the next request begun would make the buffer grow by all that it ever sent.
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
        process()
        // Most heads are whole when they come; the time of one that is not counts from here.
        if isFresh, hasServed, input.readableBytes > 0, case .head = phase { phaseStart = Clock.monotonicNanoseconds() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            inputEnded = true
            callerStoppedSending()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            exchange?.downstreamIsWritable()
            if awaitsRoom, !isProcessing { roomCame() }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken TLS record: there is nobody left to answer.
        context.close(promise: nil)
    }

    /// Half-closure: a caller may shut down its sending side and still read the answer, except while it waits for a limit: then nothing
    /// has been done for it yet, and hanging up is the likelier meaning.
    private func callerStoppedSending() {
        switch phase {
        case .head where !isProcessing && !awaitsRoom: close()
        case .body: close()
        case .lingering: if context?.channel.hasUnsentBytes != true { close() }
        case .answering:
            if exchange?.isWaitingForItsTurn == true { close() }
        case .head, .closed: break
        }
    }

    // MARK: - Reading requests

    /// Takes as many requests off the input as can be answered now. An exchange that ends at once comes back here through `finish`, and the
    /// loop goes on instead of recursing.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while true {
            while takeStep() {}
            flush()
            guard awaitsRoom, context?.channel.isWritable == true else { break }
            awaitsRoom = false
        }
        // Let go of, not cleared: the channel reads into the same memory again once nobody holds it.
        if input.readableBytes == 0 { input = ByteBuffer() }
        if inputEnded, !awaitsRoom, case .head = phase { close() }
        if awaitsRoom { pauseReading() }
        if case .answering = phase, input.readableBytes > Self.pipelineBytes { pauseReading() }
    }

    /// Whether the caller takes its answers, so that another request may be begun: otherwise a caller that sends requests and reads no answer
    /// would fill our memory with them.
    private func hasRoom() -> Bool {
        if answer.bytes.readableBytes >= Self.pipelineBytes { flush() }
        guard let context, writer?.mayBeFull == true, !context.channel.isWritable else { return true }
        awaitsRoom = true
        return false
    }

    private func roomCame() {
        awaitsRoom = false
        stalledSince = nil
        phaseStart = Clock.monotonicNanoseconds()
        resumeReading()
        process()
    }

    /// Whether there may be more to do with the bytes at hand.
    private func takeStep() -> Bool {
        switch phase {
        case .head: return input.readableBytes > 0 && hasRoom() && readHead()
        case .body: return wantsBody && readBody()
        case .answering, .lingering, .closed: return false
        }
    }

    private func readHead() -> Bool {
        switch input.withUnsafeReadableBytes({ parser.parse($0) }) {
        case .incomplete: return false
        case .failed(let error):
            if error.kind == .http2Preface, !hasServed, settings.tls == nil { speakHTTP2() } else { refuseMalformed(error) }
            return false
        case .complete(let head, let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            begin(head)
            return true
        }
    }

    /// HTTP/2 by prior knowledge (RFC 9113 section 3.3): the first bytes are its preface, so all bytes so far go to a connection that takes this
    /// one's place. Over TLS the protocol was agreed on already.
    private func speakHTTP2() {
        guard let context, let next = try? HTTP2Connection(worker: worker, peer: peer, settings: settings) else { return close() }
        let pipeline = context.pipeline.syncOperations
        do { try pipeline.addHandler(next, position: .after(self)) } catch { return close() }
        phase = .closed
        context.fireChannelRead(NIOAny(input))
        if inputEnded { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        pipeline.removeHandler(self, promise: nil)
    }

    private func begin(_ head: RequestHead) {
        if isAwaitedByDrain { stopBeingAwaited() }
        version = head.version
        requestIsPersistent = head.isPersistent
        requestIsHEAD = head.fields[head.method].elementsEqual("HEAD".utf8)
        expectsContinue = head.expectsContinue
        closesAfterAnswer = false
        let exchange = Exchange(worker: worker, downstream: self, peer: peer, head: head, bodyLimit: settings.limits.bodyBytes)
        self.exchange = exchange
        switch head.framing {
        case .none, .untilClose:
            bodyIsRead = true
            phase = .answering
        case .length, .chunked:
            bodyIsRead = false
            wantsBody = false
            phase = .body(BodyDecoder(head.framing, limits: BodyLimits(contentBytes: settings.limits.bodyBytes)))
        }
        phaseStart = exchange.start
        exchange.begin()
    }

    private func readBody() -> Bool {
        guard case .body(var decoder) = phase else { return false }
        let decoding = input.withUnsafeReadableBytes { decoder.decode($0) }
        phase = .body(decoder)
        switch decoding {
        case .needMore(let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            return false
        case .data(let range, let consumed):
            let start = input.readerIndex
            let bytes = input.getSlice(at: start + range.lowerBound, length: range.count)
            input.moveReaderIndex(forwardBy: consumed)
            if let bytes { exchange?.received(body: bytes) }
            return true
        case .end(let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            bodyIsRead = true
            phase = .answering
            exchange?.receivedWholeBody()
            return true
        case .failed(let error):
            exchange?.refuse(error.refusal)
            return false
        }
    }

    private func refuseMalformed(_ error: HTTP1Error) {
        closesAfterAnswer = true
        requestIsPersistent = false
        version = .http11
        phase = .answering
        let exchange = Exchange(worker: worker, downstream: self, peer: peer, head: nil, bodyLimit: 0)
        self.exchange = exchange
        exchange.refuse(error.refusal)
    }

    // MARK: - Writing answers

    func respond(status: Int, fields: [UInt8], body: AnswerBody, closesConnection: Bool) {
        // A body that was not read makes the next request's start unknown, unless the caller still waits for its 100.
        closesAfterAnswer =
            closesAfterAnswer || closesConnection || !requestIsPersistent || !bodyIsRead || worker.isDraining || isRetiring
            || inputEnded && input.readableBytes == 0
        if case .streamed = body, version == .http10 { closesAfterAnswer = true }
        answer.begin(
            status: status, fields: fields, body: body, version: version, closes: closesAfterAnswer, isToHEAD: requestIsHEAD)
    }

    func send(body: ByteBuffer) -> Bool {
        guard let context else { return true }
        answer.append(body)
        if answer.bytes.readableBytes >= Self.pipelineBytes { flush() }
        return context.channel.isWritable
    }

    func finish() {
        answer.end()
        exchange = nil
        hasServed = true
        if closesAfterAnswer {
            closeAfterFlush()
            return
        }
        phase = .head
        phaseStart = Clock.monotonicNanoseconds()
        if !isProcessing {
            flush()
            resumeReading()
            process()
        }
    }

    func abort() {
        flush()
        phase = .closed
        exchange = nil
        context?.close(promise: nil)
    }

    func flush() {
        guard answer.bytes.readableBytes > 0, let context else { return }
        writer?.write(answer.bytes, to: context)
        answer.bytes.clear()
    }

    func acceptBody() {
        wantsBody = true
        if expectsContinue, input.readableBytes == 0 {
            answer.goOn()
            flush()
        }
        process()
    }

    // MARK: - The connection's end

    /// Sends what is written, then closes for sending only and throws away what the caller still sends, so that no reset overtakes the answer.
    private func closeAfterFlush() {
        flush()
        guard let context else { return }
        if inputEnded, !context.channel.hasUnsentBytes {
            phase = .closed
            context.close(promise: nil)
            return
        }
        phase = .lingering
        phaseStart = Clock.monotonicNanoseconds()
        input = ByteBuffer()
        resumeReading()
        // With both sides closed the channel would throw away what the socket has not taken yet.
        if !inputEnded { context.close(mode: .output, promise: nil) }
    }

    private func close() {
        guard let context else { return }
        if case .closed = phase { return }
        exchange?.callerIsGone()
        exchange = nil
        phase = .closed
        context.close(promise: nil)
    }

    private func pauseReading() {
        guard !isPaused, let context else { return }
        isPaused = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    private func resumeReading() {
        guard isPaused, let context else { return }
        isPaused = false
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
    }

    // MARK: - Time

    /// Looks at the clock for this connection; called a few times within the shortest timeout.
    func tick(now: UInt64) {
        let age = now > phaseStart ? now - phaseStart : 0
        switch phase {
        case .head where awaitsRoom: closeIfStalled(now)
        case .head:
            if input.readableBytes == 0, parser.isAtStart {
                if isAwaitedByDrain, age > Self.graceNanoseconds { return close() }
                // Between requests the idle timeout counts; before the first, a head is due (contract section 3).
                if age > (hasServed ? settings.timeouts.idleNanoseconds : settings.timeouts.headNanoseconds) { close() }
            } else if age > settings.timeouts.headNanoseconds {
                refuseSlow("timeout/head", "The request head was not complete in time: send it at once.")
            }
        case .body:
            if age > settings.timeouts.bodyNanoseconds {
                exchange?.refuse(
                    Refusal(
                        .slowRequest, "timeout/body", "The request body was not complete in time: send it at once.", closesConnection: true)
                )
            }
        case .answering: closeIfStalled(now)
        case .lingering:
            let patience = context?.channel.hasUnsentBytes == true ? settings.timeouts.idleNanoseconds : Self.lingerNanoseconds
            if age > patience || inputEnded && context?.channel.hasUnsentBytes != true { close() }
        case .closed: break
        }
    }

    private var stalledSince: UInt64?

    private func closeIfStalled(_ now: UInt64) {
        guard let context, !context.channel.isWritable else {
            stalledSince = nil
            return
        }
        let since = stalledSince ?? now
        stalledSince = since
        guard now - since > settings.timeouts.idleNanoseconds else { return }
        exchange?.callerIsGone()
        abort()
    }

    private func refuseSlow(_ reason: String, _ message: String) {
        closesAfterAnswer = true
        requestIsPersistent = false
        phase = .answering
        let exchange = Exchange(worker: worker, downstream: self, peer: peer, head: nil, bodyLimit: 0)
        self.exchange = exchange
        exchange.refuse(Refusal(.slowRequest, reason, message, closesConnection: true))
    }

    // MARK: - Drain

    var bind: BindAddress { settings.bind }

    func retire() {
        isRetiring = true
        drain()
    }

    /// A connection between requests is closed; one with a request under way says so in its answer and closes then. So does one whose
    /// request has come and was not read yet, or whose first request is due: the caller could not know.
    func drain() {
        guard case .head = phase, input.readableBytes == 0, !awaitsRoom else { return }
        if !hasServed {
            guard !isAwaitedByDrain else { return }
            isAwaitedByDrain = true
            worker.closingConnections += 1
        } else if !hasUnreadInput {
            close()
        }
    }

    private func stopBeingAwaited() {
        guard isAwaitedByDrain else { return }
        isAwaitedByDrain = false
        worker.closingConnections -= 1
    }

    private var hasUnreadInput: Bool {
        guard let context else { return false }
        let descriptor = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }
        guard let descriptor, context.channel.isActive else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) > 0
    }
}

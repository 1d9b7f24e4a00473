import GatewayCore
import NIOCore
import Wire

/// One HTTP/1.1 connection to an upstream: a signed request out, its answer in, then the next.
final class UpstreamHTTP1Connection: ChannelInboundHandler, UpstreamCarrier {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case idle
        case awaitingHead
        case body(BodyDecoder)
        case closed
    }

    /// Interim answers (1xx) that may come before the real one.
    private static let mostInterim = 8

    private let pool: UpstreamPool
    private unowned let worker: Worker
    /// Where it stands among the pool's connections; -1 before and after.
    var poolIndex = -1
    /// Monotonic nanoseconds.
    var lastUse: UInt64 = 0

    private var context: ChannelHandlerContext?
    private var writer: SocketWriter?
    private var phase = Phase.idle
    private var parser = ResponseHeadParser()
    private var input = ByteBuffer()
    private var exchange: Exchange?
    private var request: SignedRequest?
    private var deadline: UInt64 = 0
    private var interim = 0
    private var answerIsPersistent = true
    private var isPaused = false
    private var hasAnswerBytes = false
    private var inputEnded = false
    /// TLS ended without close_notify: a body that lasts until the close may have been cut.
    private var wasTruncated = false

    init(pool: UpstreamPool, worker: Worker) {
        self.pool = pool
        self.worker = worker
    }

    // MARK: - From the pool

    var isUsable: Bool {
        if case .closed = phase { return false }
        return !inputEnded && context?.channel.isActive == true
    }

    func send(_ request: SignedRequest, for exchange: Exchange, now: UInt64) {
        guard let context else { return exchange.upstreamFailed(.closedBeforeRequest) }
        self.exchange = exchange
        self.request = request
        exchange.connection = self
        phase = .awaitingHead
        hasAnswerBytes = false
        interim = 0
        deadline = now &+ pool.target.settings.responseTimeoutNanoseconds
        writer?.write(request.bytes, to: context)
    }

    /// Reads on after the caller has taken what was relayed.
    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        deadline = Clock.monotonicNanoseconds() &+ pool.target.settings.responseTimeoutNanoseconds
        try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
        readAnswer()
        // The end that came while the caller was slow counts now that what came before it is relayed.
        if inputEnded, !isPaused { settleEnd() }
    }

    func close() {
        if case .closed = phase { return }
        phase = .closed
        pool.remove(self)
        context?.close(promise: nil)
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard exchange != nil else { return close() }  // Nobody asked: this is not an answer to anything.
        hasAnswerBytes = true
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
        readAnswer()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.upstreamReadIsComplete()
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError, error.kind == .truncated {
            // The end itself follows as `inputClosed`; here only how it came is noted.
            wasTruncated = true
            return
        }
        // A reset proves nothing about the request: it may have been read, and it may have lain unread.
        fail(.closedWithoutAnswer)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        // Nothing more can come, and the rest of a paused answer is at hand: it is relayed as the caller takes it.
        if !isPaused { close() }
        context.fireChannelInactive()
    }

    // MARK: - The answer

    private func readAnswer() {
        while !isPaused {
            switch phase {
            case .awaitingHead: if !readHead() { return }
            case .body(var decoder):
                let decoding = input.withUnsafeReadableBytes { decoder.decode($0) }
                phase = .body(decoder)
                if !take(decoding) { return }
            case .idle, .closed: return
            }
        }
    }

    private func readHead() -> Bool {
        guard input.readableBytes > 0 else { return false }
        switch input.withUnsafeReadableBytes({ parser.parse($0, requestMethodIsHEAD: request?.isHEAD ?? false) }) {
        case .incomplete: return false
        case .failed(let error):
            fail(.malformedAnswer(error.message))
            return false
        case .complete(let head, let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            if head.status < 200 {
                interim += 1
                if interim > Self.mostInterim { fail(.malformedAnswer("More interim answers came than any exchange needs.")) }
                return interim <= Self.mostInterim
            }
            answerIsPersistent = head.isPersistent
            phase = .body(BodyDecoder(head.framing))
            exchange?.upstreamAnswered(head)
            return true
        }
    }

    private func take(_ decoding: BodyDecoding) -> Bool {
        switch decoding {
        case .needMore(let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            return false
        case .data(let range, let consumed):
            let bytes = input.getSlice(at: input.readerIndex + range.lowerBound, length: range.count)
            input.moveReaderIndex(forwardBy: consumed)
            // The timeout is for silence: as long as the body flows, it starts anew.
            deadline = Clock.monotonicNanoseconds() &+ pool.target.settings.responseTimeoutNanoseconds
            if let bytes, exchange?.upstreamSent(body: bytes) == false { pauseReading() }
            return true
        case .end(let consumed):
            input.moveReaderIndex(forwardBy: consumed)
            answerIsWhole()
            return false
        case .failed(let error):
            fail(.malformedAnswer(error.message))
            return false
        }
    }

    private func answerIsWhole() {
        let finished = exchange
        exchange = nil
        request = nil
        // More bytes than the answer had are nobody's, and show that this connection is out of step.
        if answerIsPersistent, input.readableBytes == 0, !inputEnded {
            phase = .idle
            // Let go of, not cleared: the channel reads into the same memory again once nobody holds it.
            input = ByteBuffer()
            pool.release(self)
        } else {
            close()
        }
        finished?.upstreamFinished()
    }

    private func pauseReading() {
        isPaused = true
        try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    // MARK: - The end

    /// The upstream has closed its sending side.
    private func ended() {
        if inputEnded { return }
        inputEnded = true
        // The channel reads up to the end whatever it was told: what lies in `input` belongs before it.
        if !isPaused { settleEnd() }
    }

    private func settleEnd() {
        switch phase {
        case .closed: break
        case .idle: close()
        case .awaitingHead:
            if hasAnswerBytes { fail(.closedWithoutAnswer) } else { closedBeforeAnswer() }
        case .body(var decoder):
            if decoder.finish(), !wasTruncated { answerIsWhole() } else { fail(.closedWithoutAnswer) }
        }
    }

    /// Closed without a byte of answer. If the upstream's kernel had not even acknowledged the request when it closed, no process there has seen
    /// all of it, and it may be sent again; in every other case nobody knows, and it is not.
    private func closedBeforeAnswer() {
        guard let provider = context?.channel as? any SocketOptionProvider else {
            return fail(.closedWithoutAnswer)
        }
        // On the loop the value is there at once; the call has no synchronous form.
        let loopBound = NIOLoopBound(self, eventLoop: worker.loop)
        let information: EventLoopFuture<TCPInformation> = provider.unsafeGetSocketOption(level: .tcp, name: TCPInformation.optionName)
        information.whenComplete { result in
            let connection = loopBound.value
            if case .success(let information) = result, information.hasUnacknowledgedBytes {
                connection.sendAgain()
            } else {
                connection.fail(.closedWithoutAnswer)
            }
        }
    }

    private func sendAgain() {
        guard case .awaitingHead = phase, let exchange, let request else { return }
        guard exchange.resends < UpstreamPool.mostResends else { return fail(.closedBeforeRequest) }
        self.exchange = nil
        self.request = nil
        close()
        exchange.resends += 1
        exchange.record.attempts += 1
        pool.sendAgain(request, for: exchange)
    }

    func fail(_ failure: UpstreamFailure) {
        let failed = exchange
        exchange = nil
        request = nil
        close()
        failed?.upstreamFailed(failure)
    }

    func tick(now: UInt64) {
        switch phase {
        case .awaitingHead where now > deadline: fail(.silent)
        case .body where now > deadline && !isPaused: fail(.silent)
        default: break
        }
    }
}

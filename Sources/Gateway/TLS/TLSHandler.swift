import NIOCore
import Wire

/// Fired as a user inbound event when the handshake is done, before any plaintext.
struct TLSHandshakeCompleted: Sendable {
    /// The application protocol, for example `h2`; nil when none was negotiated.
    let alpn: String?
    /// The peer's verified certificate, nil when it showed none.
    let identity: TLSPeerIdentity?
    let handshake: TLSHandshake
}

/// Puts a `TLSSession` between the socket and the rest of a pipeline: ciphertext outside, plaintext inside.
///
/// * Plaintext of one socket read is passed on as one buffer, so a reader that does not ask gets nothing more.
/// * Writes are encrypted at once and leave in one write per flush. Writes before the handshake wait for it.
/// * The end of input arrives inside as `ChannelEvent.inputClosed`. When it came without close_notify, `errorCaught` with a `TLSError`
///   of kind `truncated` goes before it; the owner decides whether the data had its end.
/// * Any other failure sends its alert, goes inside as `errorCaught(TLSError)` and closes the channel.
/// * `close` says close_notify first; `close(mode: .output)` too, and the peer may still send.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSSession
    private let handshakeTimeout: TimeAmount?
    private var deadline: Scheduled<Void>?
    private var early: [(buffer: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var promises: [EventLoopPromise<Void>] = []
    private var started = false
    /// Set by a failure and by our own close: nothing goes inside any more.
    private var finished = false
    private var inputClosedFired = false
    /// Whether the inside, or the handshake, waits for something that a socket read may bring.
    private var wantsRead = false
    private var flushAfterHandshake = false
    private var processing = false

    /// `handshakeTimeout` counts from the moment the channel is active; nil leaves it to others.
    init(session: TLSSession, handshakeTimeout: TimeAmount? = nil) {
        self.session = session
        self.handshakeTimeout = handshakeTimeout
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        failWrites(ChannelError.ioOnClosedChannel)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        session.receiveEnd()
        process(context)
        failWrites(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard !started else { return }
        started = true
        if let handshakeTimeout {
            deadline = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTimeout) { [self] in
                guard session.isHandshaking else { return }
                fail(context, TLSError(.handshakeTimeout, "the TLS handshake did not end in time"))
            }
        }
        process(context)
        flushOutgoing(context)
        // The handshake needs input whether or not the inside has asked for any yet.
        context.read()
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Pieces keep within what the session lets wait; a socket read is one piece.
        var rest = unwrapInboundIn(data)
        while let piece = rest.readSlice(length: min(rest.readableBytes, 64 << 10)), piece.readableBytes > 0 {
            piece.withUnsafeReadableBytes { session.receive($0) }
            process(context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushOutgoing(context)
        // When the read brought a part of a record or of the handshake only, whoever asked still waits.
        let stillWanted = wantsRead || session.isHandshaking
        context.fireChannelReadComplete()
        if stillWanted, !finished { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        session.receiveEnd()
        process(context)
        flushOutgoing(context)
        fireInputClosed(context)
    }

    private func process(_ context: ChannelHandlerContext) {
        guard !finished, !processing else { return }
        processing = true
        defer { processing = false }
        var plaintext: ByteBuffer?
        while true {
            var event: TLSEvent?
            if session.isHandshaking {
                event = session.next(into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
            } else {
                var area = plaintext ?? context.channel.allocator.buffer(capacity: min(max(session.bufferedCiphertext, 512), 64 << 10))
                plaintext = nil
                area.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { bytes in
                    event = session.next(into: bytes)
                    if case .plaintext(let count)? = event { return count }
                    return 0
                }
                plaintext = area
            }
            if case .plaintext? = event { continue }
            // Plaintext goes inside before whatever came after it.
            if let whole = plaintext, whole.readableBytes > 0 {
                plaintext = nil
                wantsRead = false
                context.fireChannelRead(wrapInboundOut(whole))
            }
            guard let event, !finished else { return }
            perform(event, context)
        }
    }

    private func perform(_ event: TLSEvent, _ context: ChannelHandlerContext) {
        switch event {
        case .plaintext: break
        case .handshakeComplete(let handshake):
            deadline?.cancel()
            deadline = nil
            let waiting = early
            early = []
            for write in waiting { encrypt(write.buffer, promise: write.promise) }
            context.fireUserInboundEventTriggered(
                TLSHandshakeCompleted(alpn: handshake.applicationProtocol, identity: handshake.peer, handshake: handshake))
            if flushAfterHandshake { flushOutgoing(context) }
        case .peerClosed: fireInputClosed(context)
        case .failed(let error) where error.kind == .truncated: context.fireErrorCaught(error)
        case .failed(let error): fail(context, error)
        }
    }

    private func fireInputClosed(_ context: ChannelHandlerContext) {
        guard !inputClosedFired, !finished else { return }
        inputClosedFired = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        guard !finished else { return }
        finished = true
        deadline?.cancel()
        flushOutgoing(context)
        failWrites(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    // MARK: Outbound

    func read(context: ChannelHandlerContext) {
        wantsRead = true
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = unwrapOutboundIn(data)
        if session.isHandshaking, !finished {
            early.append((buffer, promise))
        } else {
            encrypt(buffer, promise: promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        if session.isHandshaking { flushAfterHandshake = true }
        if !flushOutgoing(context) { context.flush() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, !finished {
            session.close()
            flushOutgoing(context)
            if mode == .all { finished = true }
        }
        context.close(mode: mode, promise: promise)
    }

    private func encrypt(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard buffer.withUnsafeReadableBytes({ session.send($0) }) else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        if let promise { promises.append(promise) }
    }

    /// Writes everything that the session has for the peer at once; false when there is nothing.
    @discardableResult private func flushOutgoing(_ context: ChannelHandlerContext) -> Bool {
        var buffer: ByteBuffer?
        session.drain { bytes in
            var copy = context.channel.allocator.buffer(capacity: bytes.count)
            copy.writeBytes(bytes)
            buffer = copy
        }
        let waiting = promises
        promises = []
        guard let buffer else {
            // Only writes without bytes can wait here.
            for promise in waiting { promise.succeed() }
            return false
        }
        var promise = waiting.first
        if waiting.count > 1 {
            let all = context.eventLoop.makePromise(of: Void.self)
            for one in waiting { all.futureResult.cascade(to: one) }
            promise = all
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        return true
    }

    private func failWrites(_ error: any Error) {
        let waiting = early.compactMap(\.promise) + promises
        early = []
        promises = []
        for promise in waiting { promise.fail(error) }
    }
}

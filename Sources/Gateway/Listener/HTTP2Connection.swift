import GatewayConfig
import GatewayCore
import NIOCore
import Wire

/// One HTTP/2 connection of a caller: carries bytes between the channel and an `HTTP2ServerSession`, and gives each stream its exchange
/// (RFC 9113). What it decides is the connection's own life: timeouts, back-pressure, when to write, and how to end.
///
/// Everything that streams send within one turn of the event loop leaves in one write.
final class HTTP2Connection: ChannelInboundHandler, DownstreamConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// GOAWAY without a last stream is out. Requests that were on their way when it was written come before the answer to the PING
        /// behind it, so that answer, or a second without one, makes it time to name the last stream (RFC 9113 section 6.8).
        case announced(at: UInt64)
        /// No further stream is served.
        case finishing
        /// All is written and closed for sending; what still comes is thrown away, so that no reset overtakes the last frames.
        case lingering(since: UInt64)
        case closed
    }

    private static let announcementNanoseconds: UInt64 = 1_000_000_000
    private static let lingerNanoseconds: UInt64 = 2_000_000_000
    /// Given to the channel at once.
    private static let writeBytes = 131_072
    /// A larger buffer is not kept for the next write: idle connections should be small.
    private static let keptBufferBytes = 16_384

    let worker: Worker
    let session: HTTP2ServerSession
    /// Where it stands in the worker's table.
    var tableIndex = -1

    private let peer: Peer
    private let settings: ListenerSettings
    private var context: ChannelHandlerContext?
    private var phase = Phase.open
    private var streams = HTTP2Streams<HTTP2Stream>()
    private var output = ByteBuffer()
    private var answerLines: [FieldLine] = []
    private var isReading = false
    private var flushIsScheduled = false
    private var hasServed = false
    private var inputEnded = false
    /// Since when there has been no stream.
    private var idleSince: UInt64
    /// The header block that is being read, and since when.
    private var openHead: (block: Int, since: UInt64)?
    private var stalledSince: UInt64?

    /// - Throws: `HTTP2SetupError` when memory has run out.
    init(worker: Worker, peer: Peer, settings: ListenerSettings) throws(HTTP2SetupError) {
        self.worker = worker
        self.peer = peer
        self.settings = settings
        session = try HTTP2ServerSession(limits: HTTP2Limits(settings.limits))
        idleSince = Clock.monotonicNanoseconds()
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
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
        stopCountingAsClosing()
        phase = .closed
        session.connectionLost(delegate: self)
        for stream in streams.removeAll() { stream.closed() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .lingering, .closed: return
        case .open, .announced, .finishing: break
        }
        isReading = true
        let now = Clock.monotonicNanoseconds()
        unwrapInboundIn(data).withUnsafeReadableBytes { session.receive($0, now: now, delegate: self) }
        if let block = session.openHeaderBlock {
            if openHead?.block != block { openHead = (block, now) }
        } else {
            openHead = nil
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nothing was read: this is the end of input, which is told next. NIO does not expect a channel to close before (a write may fail).
        guard isReading else { return context.fireChannelReadComplete() }
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        inputEnded = true
        isReading = false
        if case .lingering = phase {
            if !context.channel.hasUnsentBytes { close() }
            return
        }
        for stream in streams.all { stream.callerStoppedSending() }
        session.finishShutdown()
        flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            for stream in streams.all { stream.channelHasRoom() }
            flush()
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken TLS record: there is nobody left to answer.
        context.close(promise: nil)
    }

    // MARK: - From the streams

    /// There is something to write. It leaves at the end of this turn of the loop, together with what others add to it.
    func wroteOutput() {
        guard !isReading, !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute { [self] in
            flushIsScheduled = false
            flush()
        }
    }

    /// `fields` are lines as HTTP/1.1 spells them.
    func submit(_ streamID: Int32, status: Int, fields: [UInt8], contentLength: Int?, hasBody: Bool) {
        var lines: [FieldLine] = []
        swap(&lines, &answerLines)
        fields.withUnsafeBytes { bytes in
            FieldBytes.forEachLine(bytes) { name, value in
                guard let base = bytes.baseAddress, let nameStart = name.baseAddress, let valueStart = value.baseAddress else { return }
                let start = nameStart - base
                let valueOffset = valueStart - base
                lines.append(
                    FieldLine(
                        name: ByteRange(start, start + name.count), value: ByteRange(valueOffset, valueOffset + value.count),
                        kind: FieldName(name)))
            }
        }
        var section = FieldSection(bytes: fields, lines: lines)
        lines = []
        let length = contentLength.map(Self.contentLengthField) ?? FieldSection()
        session.submitResponse(streamID, status: status, fields: section, adding: length, hasBody: hasBody)
        swap(&answerLines, &section.lines)
        answerLines.removeAll(keepingCapacity: true)
        hasServed = true
        if worker.isDraining { drain() }
        wroteOutput()
    }

    private static func contentLengthField(_ length: Int) -> FieldSection {
        var bytes = Array("content-length".utf8)
        let start = bytes.count
        FieldBytes.append(length, to: &bytes)
        return FieldSection(
            bytes: bytes, lines: [FieldLine(name: ByteRange(0, start), value: ByteRange(start, bytes.count), kind: .contentLength)])
    }

    private func flush() {
        switch phase {
        case .lingering, .closed: return
        case .open, .announced, .finishing: break
        }
        while let context, context.channel.isWritable, session.wantsOutput {
            session.drainOutput(limit: Self.writeBytes, delegate: self) { output.writeBytes($0) }
            guard output.readableBytes > 0 else { break }
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            if output.capacity > Self.keptBufferBytes { output = ByteBuffer() } else { output.clear() }
        }
        if session.isFinished { closeAfterFlush() }
    }

    // MARK: - The connection's end

    var bind: BindAddress { settings.bind }

    func retire() { drain() }

    /// Two steps, so that no request is lost that was sent before the caller could know.
    func drain() {
        guard case .open = phase else { return }
        phase = .announced(at: Clock.monotonicNanoseconds())
        worker.closingConnections += 1
        isCountedAsClosing = true
        session.announceShutdown()
        session.ping(0)
        wroteOutput()
    }

    private func finishShutdown() {
        guard case .announced = phase else { return }
        phase = .finishing
        session.finishShutdown()
        wroteOutput()
    }

    private var isCountedAsClosing = false

    private func stopCountingAsClosing() {
        guard isCountedAsClosing else { return }
        isCountedAsClosing = false
        worker.closingConnections -= 1
    }

    private func closeAfterFlush() {
        stopCountingAsClosing()
        if session.failure == .enhanceYourCalm { worker.log.flooded(by: peer.source) }
        guard let context else { return }
        phase = .lingering(since: Clock.monotonicNanoseconds())
        if !inputEnded {
            context.close(mode: .output, promise: nil)
        } else if !context.channel.hasUnsentBytes {
            // With both sides closed the channel would throw away what the socket has not taken yet.
            close()
        }
    }

    private func close() {
        phase = .closed
        context?.close(promise: nil)
    }

    // MARK: - Time

    /// Looks at the clock for this connection and its streams; called a few times within the shortest timeout.
    func tick(now: UInt64) {
        let timeouts = settings.timeouts
        switch phase {
        case .closed: return
        case .lingering(let since):
            let hasUnsentBytes = context?.channel.hasUnsentBytes == true
            let patience = hasUnsentBytes ? settings.timeouts.idleNanoseconds : Self.lingerNanoseconds
            if now > since, now - since > patience || inputEnded && !hasUnsentBytes { close() }
            return
        case .announced(let since):
            if now > since, now - since > Self.announcementNanoseconds { finishShutdown() }
        case .open, .finishing: break
        }
        if let openHead, now > openHead.since, now - openHead.since > timeouts.headNanoseconds { return refuseSlowHead() }
        if !isWritable {
            if stalledSince == nil { stalledSince = now }
            if let stalledSince, now - stalledSince > timeouts.idleNanoseconds { return close() }
        } else {
            stalledSince = nil
        }
        for stream in streams.all {
            stream.tick(now: now, bodyNanoseconds: timeouts.bodyNanoseconds, stallNanoseconds: timeouts.idleNanoseconds)
        }
        // PINGs and the like do not make a connection busy; only requests do. Before the first, a head is due (contract section 3).
        let patience = hasServed ? timeouts.idleNanoseconds : timeouts.headNanoseconds
        if streams.isEmpty, now > idleSince, now - idleSince > patience {
            session.terminate(.noError)
            flush()
        }
    }

    private func refuseSlowHead() {
        openHead = nil
        let stream = HTTP2Stream(id: 0, connection: self, head: nil)
        stream.refuse(
            Refusal(.slowRequest, "timeout/head", "The request head was not complete in time: send it at once.", closesConnection: true),
            by: Exchange(worker: worker, downstream: stream, peer: peer, head: nil, bodyLimit: 0))
        session.terminate(.enhanceYourCalm)
        flush()
    }
}

// MARK: - From the session

extension HTTP2Connection: HTTP2ServerDelegate {
    func requestHead(_ streamID: Int32, _ head: RequestHead) {
        let stream = HTTP2Stream(id: streamID, connection: self, head: head)
        streams.insert(stream, id: streamID)
        stream.begin(Exchange(worker: worker, downstream: stream, peer: peer, head: head, bodyLimit: settings.limits.bodyBytes))
    }

    func requestRefused(_ streamID: Int32, _ error: HTTP1Error) {
        let stream = HTTP2Stream(id: streamID, connection: self, head: nil)
        streams.insert(stream, id: streamID)
        stream.refuse(error.refusal, by: Exchange(worker: worker, downstream: stream, peer: peer, head: nil, bodyLimit: 0))
    }

    func streamBody(_ streamID: Int32, _ bytes: UnsafeRawBufferPointer) { streams[streamID]?.received(body: bytes) }

    /// Trailers mean nothing to any operation, and what is not signed is not forwarded: they are dropped.
    func streamEnd(_ streamID: Int32, trailers: FieldSection?) { streams[streamID]?.receivedEnd() }

    func streamClosed(_ streamID: Int32, _ closure: HTTP2StreamClosure) {
        streams.remove(streamID)?.closed()
        if streams.isEmpty { idleSince = Clock.monotonicNanoseconds() }
    }

    func streamWritable(_ streamID: Int32) { streams[streamID]?.sessionHasRoom() }

    func pingAcknowledged(_ payload: UInt64) { finishShutdown() }
}

extension HTTP2Limits {
    init(_ limits: ListenerLimits) {
        self.init()
        fieldCount = limits.fieldCount
        targetBytes = limits.startLineBytes
        // HTTP/2 counts 32 bytes more for each field (RFC 9113 section 6.5.2).
        headerListBytes = limits.headBytes + 32 * limits.fieldCount
        continuationFrames = max(continuationFrames, 2 * headerListBytes / 16_384)
    }
}

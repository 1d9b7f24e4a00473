import NIOCore
import Wire

/// One connection to the store: bytes in, replies out, and everything asked within one tick in one write.
final class StoreConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// nil once it has been given up.
    private var link: StoreLink?
    private let awaitsHandshake: Bool
    private let reader: StoreReplyReader
    private var context: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    private var flushIsDue = false

    init(link: StoreLink, awaitsHandshake: Bool) throws(StoreReplyReader.Failure) {
        self.link = link
        self.awaitsHandshake = awaitsHandshake
        reader = try StoreReplyReader()
    }

    /// Appends a command; it leaves at the end of this tick.
    func write(_ command: StoreCommand) -> Bool {
        guard let context, command.write(to: &outgoing) else { return false }
        if !flushIsDue {
            flushIsDue = true
            context.eventLoop.assumeIsolated().execute { self.flush() }
        }
        return true
    }

    /// The link wants nothing more of it.
    func giveUp() {
        link = nil
        context?.close(promise: nil)
    }

    private func flush() {
        flushIsDue = false
        guard let context, outgoing.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        outgoing = context.channel.allocator.buffer(capacity: 512)
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if !awaitsHandshake { link?.connected(self) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is TLSHandshakeCompleted: link?.connected(self)
        case let event as ChannelEvent where event == .inputClosed: fail(.disconnected("it closed the connection"))
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        do {
            try bytes.withUnsafeReadableBytes { try reader.receive($0) }
            while let link, let reply = try reader.next() { link.received(reply, from: self) }
        } catch { fail(.malformed) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(StoreFailure(connecting: error)) }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.disconnected("it closed the connection"))
        context.fireChannelInactive()
    }

    private func fail(_ failure: StoreFailure) { link?.failed(failure, on: self) }
}

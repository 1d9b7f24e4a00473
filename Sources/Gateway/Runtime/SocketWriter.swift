import Glibc
import NIOCore

/// Writes a connection's messages. On a plain socket a message goes to the kernel at once; only what the kernel does not take enters the
/// channel's queue, and then everything does until that queue is empty, so that the order holds.
///
/// The queue is made for many buffers, promises and slow readers. A proxy's message is one buffer that the kernel nearly always takes whole,
/// and the queue's bookkeeping for it costs more than parsing the request does.
final class SocketWriter {
    /// -1 where something stands between this handler and the socket (TLS), so that all goes through the channel.
    private let descriptor: CInt
    private var queuedCount = 0

    /// - Parameter context: of the handler that writes; ask when it is added to its channel.
    init(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if (try? pipeline.handler(type: TLSHandler.self)) != nil {
            descriptor = -1
        } else {
            descriptor = (try? pipeline.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }) ?? -1
        }
    }

    /// False: the kernel has taken all.
    var mayBeFull: Bool { queuedCount > 0 || descriptor < 0 }

    /// Errors are left to the channel: it meets them when it writes the same bytes, and closes.
    func write(_ bytes: ByteBuffer, to context: ChannelHandlerContext) {
        var bytes = bytes
        // A channel that is not active has closed its descriptor, whose number may be another connection's by now.
        if descriptor >= 0, queuedCount == 0, context.channel.isActive {
            let count = bytes.withUnsafeReadableBytes { send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if count == bytes.readableBytes { return }
            if count > 0 { bytes.moveReaderIndex(forwardBy: count) }
        }
        guard descriptor >= 0 else { return context.writeAndFlush(NIOAny(bytes), promise: nil) }
        queuedCount += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.queuedCount -= 1 }
        context.writeAndFlush(NIOAny(bytes), promise: written)
    }
}

import NIOCore

/// When descriptors or memory run out, `accept` fails again and again: no more connections are accepted for a moment, so that the loop serves
/// those who are connected.
///
/// The library's own handler only holds back the next read request; the socket stays registered, and the loop would spin on it. Turning
/// automatic reading off takes it out of the selector.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private static let pause = TimeAmount.milliseconds(100)

    private let onError: (any Error) -> Void
    /// Connections that were accepted, those included that came to nothing.
    private(set) var acceptedCount: UInt64 = 0
    private var resumption: Scheduled<Void>?

    init(onError: @escaping (any Error) -> Void) { self.onError = onError }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        acceptedCount &+= 1
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        onError(error)
        guard resumption == nil, context.channel.isActive else { return }
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        resumption = context.eventLoop.scheduleTask(in: Self.pause) {
            bound.value.resumption = nil
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        resumption?.cancel()
        resumption = nil
    }
}

import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Gateway

/// The handler over real sockets: half-closure and many bytes.
@Suite struct TLSSocketTests {
    /// Sends back what came, once the other side has said that it is done.
    final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var received = ByteBuffer()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { received.writeImmutableBuffer(unwrapInboundIn(data)) }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case .inputClosed? = event as? ChannelEvent else { return }
            context.writeAndFlush(wrapOutboundOut(received), promise: nil)
            context.close(promise: nil)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    final class Asker: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let question: ByteBuffer
        private let answer: EventLoopPromise<ByteBuffer>
        private var received = ByteBuffer()
        private var announced = false

        init(question: ByteBuffer, answer: EventLoopPromise<ByteBuffer>) {
            self.question = question
            self.answer = answer
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(question), promise: nil)
        }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { received.writeImmutableBuffer(unwrapInboundIn(data)) }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is TLSHandshakeCompleted { context.close(mode: .output, promise: nil) }
            if case .inputClosed? = event as? ChannelEvent { announced = true }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }
        func channelInactive(context: ChannelHandlerContext) {
            if announced { answer.succeed(received) } else { answer.fail(ChannelError.eof) }
        }
    }

    @Test(arguments: [5, 1_000_000]) func answersAfterThePeersEnd(_ count: Int) async throws {
        let servers = try TLSServerContext(TLSServerOptions(certificates: [TLSHandlerTests.pair]))
        let clients = try TLSClientContext(TLSClientOptions(trust: .only(TLSHandlerTests.pair.certificate)))
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([TLSHandler(session: TLSSession(server: servers)), Answerer()])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let question = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let answer = group.next().makePromise(of: ByteBuffer.self)
        let address = try #require(listener.localAddress)
        _ = try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(session: TLSSession(client: clients, serverName: "localhost")),
                        Asker(question: question, answer: answer),
                    ])
                }
            }
            .connect(to: address).get()
        #expect(try await answer.futureResult.get() == question)
        try await listener.close().get()
    }
}

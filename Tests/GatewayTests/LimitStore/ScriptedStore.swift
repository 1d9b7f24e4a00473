import NIOCore
import NIOPosix
import Synchronization

@testable import Gateway

/// Something on a loopback port that speaks the store's protocol: accepts the greeting, then answers the questions as it is told.
final class ScriptedStore: Sendable {
    /// Given the number of the question (from 0), over all connections: the reply, or nil for silence.
    typealias Script = @Sendable (Int) -> String?

    let port: Int
    private let counted: (questions: Counter, connections: Counter)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ script: @escaping Script) async throws {
        let (questions, connections) = (Counter(), Counter())
        counted = (questions, connections)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.value.add(1, ordering: .relaxed)
                    try channel.pipeline.syncOperations.addHandler(try Handler(script: script, questions: questions))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// How many questions came.
    var questionCount: Int { counted.questions.value.load(ordering: .relaxed) }
    /// How many connections came.
    var connectionCount: Int { counted.connections.value.load(ordering: .relaxed) }

    func stop() async throws { try await group.shutdownGracefully() }

    final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        let script: Script
        let questions: Counter
        let reader: StoreReplyReader
        var greeting = 0

        init(script: @escaping Script, questions: Counter) throws {
            self.script = script
            self.questions = questions
            reader = try StoreReplyReader()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            try? unwrapInboundIn(data).withUnsafeReadableBytes { try reader.receive($0) }
            // A command is an array of strings.
            while let command = try? reader.next(), command == .other {
                greeting += 1
                var reply: String?
                switch greeting {
                case 1: reply = "$40\r\n\(String(repeating: "a", count: 40))\r\n"
                case 2: reply = "*3\r\n:1\r\n:0\r\n:0\r\n"
                default: reply = script(questions.value.add(1, ordering: .relaxed).oldValue)
                }
                if let reply { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil) }
            }
        }
    }
}

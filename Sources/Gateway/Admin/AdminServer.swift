import GatewayConfig
import GatewayCore
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The admin listener: for operators and probes, never for callers. It is off the hot path, so the library's HTTP server does the work.
final class AdminServer: Sendable {
    let address: String
    private let channel: any Channel
    private let file: (path: String, identity: FileIdentity?)?
    /// Whether a successor may listen here too.
    let isShared: Bool

    private init(address: String, channel: any Channel, isShared: Bool, file: (path: String, identity: FileIdentity?)? = nil) {
        self.address = address
        self.channel = channel
        self.isShared = isShared
        self.file = file
    }

    /// - Parameter inherited: a socket that listens on the address already, opened by a service manager.
    static func open(
        _ settings: AdminSettings, group: any EventLoopGroup, source: AdminSource, inherited: CInt? = nil
    ) async throws -> AdminServer {
        let connections = AdminConnections()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                connections.admit(channel)
                return PeerLookup.peer(of: channel).map { $0 as Peer? }.recover { _ in nil }.flatMapThrowing { peer in
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(AdminHandler(source: source, peer: peer, connections: connections))
                }
            }
        do {
            if let inherited {
                let channel = try await bootstrap.withBoundSocket(fcntl(inherited, F_DUPFD_CLOEXEC, 3)).get()
                return AdminServer(address: settings.bind.description, channel: channel, isShared: settings.reusesPort)
            }
            switch settings.bind {
            case .tcp(let host, _, let port):
                let sharing = settings.reusesPort ? 1 : 0
                let channel = try await bootstrap.serverChannelOption(.socketOption(ListeningSocket.reusePort), value: sharing).bind(
                    host: host, port: port
                ).get()
                let address = BindAddress.tcp(host: host, address: nil, port: channel.localAddress?.port ?? port).description
                return AdminServer(address: address, channel: channel, isShared: settings.reusesPort)
            case .unix(let path):
                let (channel, identity) = try await UnixSocketFile.bind(path, takesOver: settings.reusesPort, mode: nil, bootstrap)
                return AdminServer(
                    address: settings.bind.description, channel: channel, isShared: settings.reusesPort, file: (path, identity))
            }
        } catch let error as StartError { throw error } catch {
            throw StartError("cannot listen on \(settings.bind) (admin): \(error)", exitCode: 69)
        }
    }

    func close() async {
        if let file { UnixSocketFile.remove(file.path, ifStill: file.identity) }
        try? await channel.close().get()
    }
}

/// Answers one admin request after the other.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let source: AdminSource
    private let peer: Peer?
    private let connections: AdminConnections
    private var deadline = AdminDeadline()
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false

    /// - Parameter peer: who is at the other end, as the kernel says; nil where that is not known.
    init(source: AdminSource, peer: Peer?, connections: AdminConnections) {
        self.source = source
        self.peer = peer
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) { deadline.begin(for: context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { deadline.end() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline.end()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLarge = false
        case .body(let bytes):
            if body.count + bytes.readableBytes <= AdminRequest.mostBodyBytes {
                body += bytes.readableBytesView
            } else {
                isTooLarge = true
            }
        case .end:
            guard let head else { return }
            self.head = nil
            connections.heard(context.channel)
            deadline.begin(for: context.channel)
            let request = AdminRequest(head, body: String(decoding: body, as: UTF8.self), isTooLarge: isTooLarge, peer: peer)
            body = []
            let method = head.method
            let keepsAlive = head.isKeepAlive
            let source = source
            let loop = context.eventLoop
            let bound = NIOLoopBound((self, context), eventLoop: loop)
            Task {
                let answer = await source.answer(request)
                source.workers.ifOpen {
                    loop.execute {
                        let (handler, context) = bound.value
                        handler.write(answer, isHEAD: method == .HEAD, keepsAlive: keepsAlive, context: context)
                    }
                }
            }
        }
    }

    private func write(_ answer: AdminAnswer, isHEAD: Bool, keepsAlive: Bool, context: ChannelHandlerContext) {
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.utf8.count)), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ])
        for (name, value) in answer.fields { headers.add(name: name, value: value) }
        if !keepsAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHEAD { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil) }
        let done = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
        let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
        done.futureResult.whenSuccess {
            let (handler, channel) = bound.value
            handler.deadline.begin(for: channel)
        }
        // Only now, so that whoever asked for the end hears of it.
        if answer.endsProcess { done.futureResult.whenComplete { _ in kill(getpid(), SIGTERM) } }
        if !keepsAlive {
            let channel = context.channel
            done.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

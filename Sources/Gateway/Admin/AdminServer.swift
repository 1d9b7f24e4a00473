import GatewayConfig
import NIOCore
import NIOHTTP1
import NIOPosix

/// The admin listener: for operators and probes, never for callers. It is off the hot path, so the library's HTTP server does the work.
final class AdminServer: Sendable {
    let address: String
    private let channel: any Channel
    private let bind: BindAddress

    private init(address: String, channel: any Channel, bind: BindAddress) {
        self.address = address
        self.channel = channel
        self.bind = bind
    }

    static func open(_ settings: AdminSettings, group: any EventLoopGroup, source: AdminSource) async throws -> AdminServer {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(AdminHandler(source: source))
                }
            }
        do {
            switch settings.bind {
            case .tcp(let host, _, let port):
                let channel = try await bootstrap.bind(host: host, port: port).get()
                let address = BindAddress.tcp(host: host, address: nil, port: channel.localAddress?.port ?? port).description
                return AdminServer(address: address, channel: channel, bind: settings.bind)
            case .unix(let path):
                try UnixSocketFile.clear(path)
                let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
                return AdminServer(address: settings.bind.description, channel: channel, bind: settings.bind)
            }
        } catch let error as StartError { throw error } catch {
            throw StartError("cannot listen on \(settings.bind) (admin): \(error)", exitCode: 69)
        }
    }

    func close() async {
        try? await channel.close().get()
        if case .unix(let path) = bind { UnixSocketFile.remove(path) }
    }
}

/// Answers one admin request after the other.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let source: AdminSource
    private var head: HTTPRequestHead?

    init(source: AdminSource) { self.source = source }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let path = parts.first.map(String.init) ?? "/"
            let query = AdminQuery(parts.count > 1 ? String(parts[1]) : "")
            let method = head.method
            let keepsAlive = head.isKeepAlive
            let host = head.headers.first(name: "host")
            let source = source
            let answer = context.eventLoop.makeFutureWithTask {
                await source.answer(method: method.rawValue, path: path, query: query, host: host)
            }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            answer.whenSuccess { answer in
                let (handler, context) = bound.value
                handler.write(answer, isHEAD: method == .HEAD, keepsAlive: keepsAlive, context: context)
            }
        }
    }

    private func write(_ answer: AdminAnswer, isHEAD: Bool, keepsAlive: Bool, context: ChannelHandlerContext) {
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.utf8.count)), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ])
        if answer.status == 405 { headers.add(name: "Allow", value: "GET, HEAD") }
        for (name, value) in answer.fields { headers.add(name: name, value: value) }
        if !keepsAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHEAD { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil) }
        let done = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
        if !keepsAlive {
            let channel = context.channel
            done.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

import GatewayConfig
import GatewayCore
import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

/// One address on which callers are served.
final class Listener: Sendable {
    let settings: ListenerSettings
    /// As it is logged and printed: with the port that was taken.
    let address: String
    /// Its limits follow the configuration.
    let gate: ConnectionGate
    private let channel: any Channel

    private init(settings: ListenerSettings, address: String, gate: ConnectionGate, channel: any Channel) {
        self.settings = settings
        self.address = address
        self.gate = gate
        self.channel = channel
    }

    /// Binds and starts to accept; connections are spread over all event loops.
    ///
    /// - Parameters:
    ///   - tls: what the listener starts with; nil for plain HTTP. A reload may put another in its place, but never none.
    ///   - position: where it stands in the configuration.
    /// - Throws: `StartError` with exit code 69 where the address cannot be had.
    static func open(
        _ settings: ListenerSettings, tls: TLSServerContext?, position: Int, group: any EventLoopGroup, workers: WorkerTable
    ) async throws -> Listener {
        let gate = ConnectionGate(settings.limits)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let log = workers.worker(on: channel.eventLoop).log
                    try channel.pipeline.syncOperations.addHandler(AcceptPause { log.acceptFailed($0) })
                }
            }
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // One accept a wake-up would be unfair to bursts, and many starve the loop's own connections.
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                initialize(channel, settings, tls, position, workers, gate)
            }
        switch settings.bind {
        case .tcp(let host, _, let port):
            do {
                let channel = try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1).bind(host: host, port: port)
                    .get()
                let taken = channel.localAddress?.port ?? port
                let address = BindAddress.tcp(host: host, address: nil, port: taken).description
                return Listener(settings: settings, address: address, gate: gate, channel: channel)
            } catch { throw cannotBind(settings.bind, error) }
        case .unix(let path):
            try UnixSocketFile.clear(path)
            do {
                let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
                chmod(path, mode_t(settings.unixMode))
                return Listener(settings: settings, address: settings.bind.description, gate: gate, channel: channel)
            } catch { throw cannotBind(settings.bind, error) }
        }
    }

    private static func cannotBind(_ bind: BindAddress, _ error: any Error) -> StartError {
        let cause = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        return StartError("cannot listen on \(bind): \(cause)", exitCode: 69)
    }

    private static func initialize(
        _ channel: any Channel, _ settings: ListenerSettings, _ tls: TLSServerContext?, _ position: Int, _ workers: WorkerTable,
        _ gate: ConnectionGate
    ) -> EventLoopFuture<Void> {
        let key = gate.key(of: channel.remoteAddress)
        guard gate.enter(key) else { return channel.eventLoop.makeFailedFuture(ChannelError.connectTimeout(.zero)) }
        channel.closeFuture.whenComplete { _ in gate.leave(key) }
        return PeerLookup.peer(of: channel).flatMapThrowing { peer in
            let worker = workers.worker(on: channel.eventLoop)
            let pipeline = channel.pipeline.syncOperations
            let (settings, tls) = worker.runtime.listener(settings, at: position) ?? (settings, tls)
            if let tls {
                let session = try TLSSession(server: tls)
                try pipeline.addHandler(
                    TLSHandler(session: session, handshakeTimeout: .nanoseconds(Int64(settings.timeouts.headNanoseconds))))
                try pipeline.addHandler(TLSListenerHandler(worker: worker, peer: peer, settings: settings))
            } else {
                try pipeline.addHandler(HTTP1Connection(worker: worker, peer: peer, settings: settings))
            }
        }
    }

    /// Stops accepting. Connections that are open stay so.
    func close() async {
        // Removed while it is still ours: after the close a successor may have put its own there.
        if case .unix(let path) = settings.bind { UnixSocketFile.remove(path) }
        try? await channel.close().get()
    }
}

extension PeerCertificate {
    /// One with several URI names is kept as that, so that each of its requests is refused and recorded.
    fileprivate convenience init(_ identity: TLSPeerIdentity) {
        let spiffeID: String?
        var hasSeveralIDs = false
        do { spiffeID = try identity.spiffeID() } catch {
            spiffeID = nil
            hasSeveralIDs = true
        }
        self.init(spiffeID: spiffeID, hasSeveralIDs: hasSeveralIDs, dnsNames: identity.dnsNames, subject: identity.subject)
    }
}

/// Waits for the handshake, then puts the protocol that was agreed in its own place, with the caller that the certificate names.
final class TLSListenerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let worker: Worker
    private let peer: Peer
    private let settings: ListenerSettings

    init(worker: Worker, peer: Peer, settings: ListenerSettings) {
        self.worker = worker
        self.peer = peer
        self.settings = settings
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSHandshakeCompleted else { return context.fireUserInboundEventTriggered(event) }
        var peer = peer
        do {
            peer.certificate = event.identity.map { PeerCertificate($0) }
            let pipeline = context.pipeline.syncOperations
            if event.alpn == "h2" {
                try pipeline.addHandler(HTTP2Connection(worker: worker, peer: peer, settings: settings), position: .after(self))
            } else {
                try pipeline.addHandler(HTTP1Connection(worker: worker, peer: peer, settings: settings), position: .after(self))
            }
            pipeline.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

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
    private let loops: [any EventLoop]
    /// A service manager holds the socket too.
    private let isInherited: Bool
    /// The socket's file, where this process has made it.
    private let file: (path: String, identity: FileIdentity?)?

    private init(
        settings: ListenerSettings, address: String, gate: ConnectionGate, channel: any Channel, loops: [any EventLoop],
        isInherited: Bool = false, file: (path: String, identity: FileIdentity?)? = nil
    ) {
        self.loops = loops
        self.isInherited = isInherited
        self.settings = settings
        self.address = address
        self.gate = gate
        self.channel = channel
        self.file = file
    }

    /// Binds and starts to accept; connections are spread over all event loops.
    ///
    /// - Parameters:
    ///   - tls: what the listener starts with; nil for plain HTTP. A reload may put another in its place, but never none.
    ///   - position: where it stands in the configuration.
    ///   - inherited: a socket that listens on the address already, opened by a service manager.
    /// - Throws: `StartError` with exit code 69 where the address cannot be had.
    static func open(
        _ settings: ListenerSettings, tls: TLSServerContext?, position: Int, group: any EventLoopGroup, workers: WorkerTable,
        inherited: CInt? = nil
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
        do {
            if let inherited {
                // A copy: the channel closes what it is given, and a later reload may want the manager's once more.
                let copy = fcntl(inherited, F_DUPFD_CLOEXEC, 3)
                let channel =
                    if case .tcp = settings.bind {
                        try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1).withBoundSocket(copy).get()
                    } else { try await bootstrap.withBoundSocket(copy).get() }
                return Listener(
                    settings: settings, address: settings.bind.description, gate: gate, channel: channel, loops: workers.loops,
                    isInherited: true)
            }
            switch settings.bind {
            case .tcp(let host, _, let port):
                let sharing = settings.reusesPort ? 1 : 0
                let channel = try await bootstrap.serverChannelOption(.socketOption(ListeningSocket.reusePort), value: sharing)
                    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1).bind(host: host, port: port).get()
                let taken = channel.localAddress?.port ?? port
                let address = BindAddress.tcp(host: host, address: nil, port: taken).description
                return Listener(settings: settings, address: address, gate: gate, channel: channel, loops: workers.loops)
            case .unix(let path):
                let (channel, identity) = try await UnixSocketFile.bind(
                    path, takesOver: settings.reusesPort, mode: mode_t(settings.unixMode), bootstrap)
                return Listener(
                    settings: settings, address: settings.bind.description, gate: gate, channel: channel, loops: workers.loops,
                    file: (path, identity))
            }
        } catch let error as StartError { throw error } catch { throw cannotBind(settings.bind, error) }
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
        let loop = channel.eventLoop
        channel.closeFuture.whenComplete { _ in
            if gate.leave(key) { FreedMemory.giveBack(on: loop) }
        }
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

    /// New connections go to a successor that shares the address, from now on; without one, here as before.
    func giveWay() async {
        guard settings.reusesPort, case .tcp = settings.bind else { return }
        _ = try? await channel.eventLoop.submit { [channel] in
            try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { ListeningSocket.giveWay($0) }
        }.get()
    }

    /// Stops accepting, once nobody waits to be accepted: those would be reset. Connections that are open stay so.
    func close() async {
        // First, so that nobody comes any more whom the queue would lose.
        if let file { UnixSocketFile.remove(file.path, ifStill: file.identity) }
        if isInherited {
            // Whoever comes now waits for the next process: the manager holds the socket.
            _ = try? await channel.setOption(.autoRead, value: false).get()
        }
        let end = Clock.monotonicNanoseconds() &+ Self.emptyingNanoseconds
        var accepted = await acceptedCount(closingIf: nil)
        while channel.isActive, Clock.monotonicNanoseconds() < end {
            // A connection is accepted here, prepared on its own loop and handed over here; one that is still being prepared when this
            // channel closes would be closed with it. After a turn of every loop those that were accepted before are through.
            for loop in loops { try? await loop.submit {}.get() }
            accepted = await acceptedCount(closingIf: accepted)
        }
        try? await channel.close().get()
    }

    private static let emptyingNanoseconds: UInt64 = 1_000_000_000

    /// - Parameter quiet: closes if so many connections have been accepted and nobody waits, within one turn of the loop, so that nobody comes
    ///   in between.
    private func acceptedCount(closingIf quiet: UInt64?) async -> UInt64? {
        let count = try? await channel.eventLoop.submit { [channel, isInherited] () -> UInt64? in
            let pipeline = channel.pipeline.syncOperations
            let count = try pipeline.handler(type: AcceptPause.self).acceptedCount
            let hasWaiting = try pipeline.withUnsafeTransportIfAvailable(of: CInt.self) { ListeningSocket.hasWaiting($0) }
            if !isInherited, hasWaiting == true { return nil }
            if count == quiet { channel.close(promise: nil) }
            return count
        }.get()
        return count ?? nil
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

    func handlerAdded(context: ChannelHandlerContext) { worker.handshakes += 1 }

    func handlerRemoved(context: ChannelHandlerContext) { worker.handshakes -= 1 }

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

import GatewayCore
import NIOCore
import Wire

/// A connection that cannot carry a request yet. Waits for the TLS handshake, learns what the upstream speaks, and puts the handler for it
/// in its own place.
///
/// The pool hears the end of an attempt exactly once. It asks for that end by `connected`: of several addresses that are tried at once only
/// one becomes the connection, and what the others come to is nobody's business.
final class UpstreamOpening: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private enum Phase {
        case connecting
        /// The pool waits for the handshake.
        case handshaking
        case ended(Ending)
        case reported
    }

    private enum Ending {
        case http1(UpstreamHTTP1Connection)
        case http2(UpstreamHTTP2Connection)
        case failed(UpstreamFailure)
    }

    private let pool: UpstreamPool
    private unowned let worker: Worker
    private var phase = Phase.connecting
    private var context: ChannelHandlerContext?

    init(pool: UpstreamPool, worker: Worker) {
        self.pool = pool
        self.worker = worker
    }

    /// Connected, and the one that counts.
    func connected() {
        switch phase {
        case .connecting where pool.target.tls != nil: phase = .handshaking
        case .connecting: report(install(selected: nil))
        case .ended(let ending): report(ending)
        case .handshaking, .reported: break
        }
    }

    private func end(_ ending: Ending) {
        switch phase {
        case .connecting: phase = .ended(ending)
        case .handshaking: report(ending)
        case .ended, .reported: break
        }
    }

    private func report(_ ending: Ending) {
        phase = .reported
        if let context {
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            if case .failed = ending { context.close(promise: nil) }
        }
        switch ending {
        case .http1(let connection): pool.isOpen(connection)
        case .http2(let connection): pool.isOpen(connection)
        case .failed(let failure): pool.openingFailed(failure)
        }
    }

    private func install(selected: String?) -> Ending {
        let target = pool.target
        guard let context else { return .failed(.unreachable("the connection was closed at once")) }
        do {
            switch UpstreamProtocol.spoken(target.settings.http2, usesTLS: target.tls != nil, selected: selected) {
            case .http1:
                let connection = UpstreamHTTP1Connection(pool: pool, worker: worker)
                try context.pipeline.syncOperations.addHandler(connection, position: .after(self))
                return .http1(connection)
            case .http2:
                let connection = try UpstreamHTTP2Connection(pool: pool, worker: worker)
                try context.pipeline.syncOperations.addHandler(connection, position: .after(self))
                return .http2(connection)
            case nil: return .failed(.noHTTP2)
            }
        } catch {
            return .failed(.unreachable("\(error)"))
        }
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSHandshakeCompleted else { return context.fireUserInboundEventTriggered(event) }
        end(install(selected: event.alpn))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failed(UpstreamFailure(connecting: error, requiresHTTP2: pool.target.settings.http2 == .required)))
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failed(.unreachable("the connection was closed during the TLS handshake")))
        context.fireChannelInactive()
    }
}

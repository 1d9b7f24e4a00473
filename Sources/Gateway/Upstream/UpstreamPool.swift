import GatewayCore
import Glibc
import NIOCore
import NIOPosix
import Wire

/// The connections of one event loop to one upstream. A request never changes its thread, so each loop has a pool of its own and
/// `maxConnections` is shared out among them.
///
/// A request goes out on an idle connection if there is one, else on a new one while the cap allows, else it waits in line for as long as a
/// connection attempt may take. The line is bounded.
final class UpstreamPool {
    private struct Waiting {
        let request: SignedRequest
        let exchange: Exchange
        let since: UInt64
    }

    private static let longestLine = 1024
    /// A connection that has just answered may be about to be closed by the upstream; one that has rested this long has shown that it is not.
    private static let restNanoseconds: UInt64 = 1_000_000

    let target: UpstreamTarget
    private unowned let worker: Worker
    private let capacity: Int
    /// Oldest use first.
    private var idle = CircularBuffer<UpstreamConnection>()
    private(set) var connections: [UpstreamConnection] = []
    private var connecting = 0
    private var waiting = CircularBuffer<Waiting>()
    /// Those that must have a new connection; ahead of the line.
    private var resending = CircularBuffer<Waiting>()
    private var isRetired = false

    init(target: UpstreamTarget, worker: Worker, capacity: Int) {
        self.target = target
        self.worker = worker
        self.capacity = max(1, capacity)
    }

    var idleCount: Int { idle.count }
    var connectionCount: Int { connections.count }
    var waitingCount: Int { waiting.count + resending.count }

    func send(_ request: SignedRequest, for exchange: Exchange) {
        if worker.isAbandoned { return exchange.upstreamFailed(.draining) }
        let now = Clock.monotonicNanoseconds()
        if let connection = takeIdle(now: now) {
            connection.send(request, for: exchange, now: now)
        } else if waiting.count >= Self.longestLine {
            exchange.upstreamFailed(.poolExhausted)
        } else {
            waiting.append(Waiting(request: request, exchange: exchange, since: now))
            openAsNeeded()
        }
    }

    private func takeIdle(now: UInt64) -> UpstreamConnection? {
        while let newest = idle.last {
            if now &- newest.lastUse > target.settings.idleTimeoutNanoseconds {
                // The newest is too old, so all are: a server of the same habits is about to close them.
                closeIdle()
                return nil
            }
            return now &- newest.lastUse >= Self.restNanoseconds ? idle.removeLast() : idle.removeFirst()
        }
        return nil
    }

    private func closeIdle() {
        let closing = idle
        idle.removeAll()
        for connection in closing { connection.close() }
    }

    // MARK: - Opening

    private func openAsNeeded() {
        while connecting < waiting.count + resending.count, connections.count + connecting < capacity { open() }
    }

    private func open() {
        connecting += 1
        let loopBound = NIOLoopBound(self, eventLoop: worker.loop)
        let settings = target.settings
        let target = target
        let bootstrap = ClientBootstrap(group: worker.loop)
            .connectTimeout(.nanoseconds(Int64(settings.connectTimeoutNanoseconds)))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pool = loopBound.value
                    let connection = UpstreamConnection(pool: pool, worker: pool.worker)
                    if let context = target.tls {
                        let session = try TLSSession(client: context, serverName: settings.host)
                        try channel.pipeline.syncOperations.addHandler(
                            TLSHandler(session: session, handshakeTimeout: .nanoseconds(Int64(settings.connectTimeoutNanoseconds))))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let connected: EventLoopFuture<any Channel>
        if settings.address != nil, let address = try? SocketAddress(ipAddress: settings.host, port: settings.port) {
            connected = bootstrap.connect(to: address)
        } else {
            // Resolves anew each time and tries the addresses in turn (RFC 8305).
            connected = bootstrap.connect(host: settings.host, port: settings.port)
        }
        connected.hop(to: worker.loop).whenComplete { result in
            let pool = loopBound.value
            switch result {
            case .success(let channel):
                guard let connection = try? channel.pipeline.syncOperations.handler(type: UpstreamConnection.self) else {
                    return pool.openingFailed(.unreachable("the connection was closed at once"))
                }
                if pool.target.tls == nil {
                    connection.opened()
                    pool.isOpen(connection)
                } else {
                    connection.awaitHandshake()
                }
            case .failure(let error): pool.openingFailed(UpstreamFailure(connecting: error))
            }
        }
    }

    /// A connection may be used now: connected, and with its handshake done.
    func isOpen(_ connection: UpstreamConnection) {
        connecting -= 1
        // A pool that is no longer current still serves those who wait in it.
        guard connection.isUsable, !isRetired || waitingCount > 0 else {
            connection.close()
            openAsNeeded()
            return
        }
        connection.poolIndex = connections.count
        connections.append(connection)
        if let next = nextToSend(in: \.resending) {
            connection.send(next.request, for: next.exchange, now: Clock.monotonicNanoseconds())
        } else {
            release(connection)
        }
    }

    /// One attempt failed: the request that waited longest is told; the others have attempts of their own.
    func openingFailed(_ failure: UpstreamFailure) {
        connecting -= 1
        if let first = resending.popFirst() ?? waiting.popFirst() { first.exchange.upstreamFailed(failure) }
        openAsNeeded()
    }

    /// The first in line whose caller is still there: a delete is not carried out for somebody who has left before it was sent.
    private func nextToSend(in line: ReferenceWritableKeyPath<UpstreamPool, CircularBuffer<Waiting>>) -> Waiting? {
        while let first = self[keyPath: line].popFirst() {
            if !first.exchange.state.isCallerGone { return first }
            first.exchange.upstreamFailed(.callerGone)
        }
        return nil
    }

    // MARK: - Reuse

    func release(_ connection: UpstreamConnection) {
        let now = Clock.monotonicNanoseconds()
        connection.lastUse = now
        if let next = nextToSend(in: \.waiting) {
            connection.send(next.request, for: next.exchange, now: now)
        } else if isRetired {
            connection.close()
        } else {
            idle.append(connection)
        }
    }

    /// The request provably never reached the service: it goes out again, ahead of the line.
    func sendAgain(_ request: SignedRequest, for exchange: Exchange) {
        // On a new connection: where one of the idle ones was dead, the others may be, too.
        resending.append(Waiting(request: request, exchange: exchange, since: Clock.monotonicNanoseconds()))
        if connections.count + connecting >= capacity, let oldest = idle.popFirst() { oldest.close() }
        openAsNeeded()
    }

    func remove(_ connection: UpstreamConnection) {
        guard connection.poolIndex >= 0 else { return }
        idle.removeAll { $0 === connection }
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.poolIndex] = last
            last.poolIndex = connection.poolIndex
        }
        connection.poolIndex = -1
        openAsNeeded()
    }

    // MARK: - Time and end

    func tick(now: UInt64) {
        // An attempt that is under way ends by itself and says why (name, handshake); the line waits a little longer than that.
        let timeout = target.settings.connectTimeoutNanoseconds
        let patience = connecting > 0 ? timeout &+ timeout / 4 : timeout
        let expired = Self.expired(&waiting, now: now, after: patience) + Self.expired(&resending, now: now, after: patience)
        let failure = connecting > 0 ? UpstreamFailure.connectTimedOut : .poolExhausted
        // Told afterwards, because whoever is told may come back with another request.
        for exchange in expired { exchange.upstreamFailed(failure) }
        while let oldest = idle.first, now &- oldest.lastUse > target.settings.idleTimeoutNanoseconds {
            idle.removeFirst()
            oldest.close()
        }
        for connection in connections { connection.tick(now: now) }
    }

    private static func expired(_ line: inout CircularBuffer<Waiting>, now: UInt64, after timeout: UInt64) -> [Exchange] {
        var expired: [Exchange] = []
        while let first = line.first, now &- first.since > timeout {
            expired.append(first.exchange)
            line.removeFirst()
        }
        return expired
    }

    var needsTicks: Bool { !connections.isEmpty || waitingCount > 0 || connecting > 0 }

    /// No more connections are kept; what is under way ends as it may.
    func retire() {
        isRetired = true
        closeIdle()
    }

    /// The drain's time is up.
    func abandon() {
        isRetired = true
        while let first = resending.popFirst() ?? waiting.popFirst() { first.exchange.upstreamFailed(.draining) }
        for connection in connections { connection.fail(.drainEnded) }
    }
}

extension UpstreamFailure {
    init(connecting error: any Error) {
        var cause = error
        if let connection = error as? NIOConnectionError {
            guard let first = connection.connectionErrors.first else {
                self = .unknownHost
                return
            }
            cause = first.error
        }
        switch cause {
        case let error as ChannelError:
            if case .connectTimeout = error { self = .connectTimedOut } else { self = .unreachable("\(error)") }
        case let error as IOError where error.errnoCode == ECONNREFUSED: self = .refused
        case let error as IOError where error.errnoCode == ETIMEDOUT: self = .connectTimedOut
        case let error as TLSError: self = .tls(error.sentence)
        default: self = .unreachable("\(cause)")
        }
    }
}

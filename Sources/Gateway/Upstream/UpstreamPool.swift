import GatewayCore
import Glibc
import NIOCore
import NIOPosix
import Wire

/// The connections of one event loop to one upstream. A request never changes its thread, so each loop has a pool of its own and
/// `maxConnections` is shared out among them.
///
/// A request goes out on a connection that has room for it if there is one, else on a new one while the cap allows, else it waits in line
/// for as long as a connection attempt may take. The line is bounded. An HTTP/1.1 connection has room for one request, an HTTP/2 connection
/// for as many as the upstream allows; an upstream may give some of each.
final class UpstreamPool {
    private struct Waiting {
        let request: SignedRequest
        let exchange: Exchange
        let since: UInt64
    }

    private static let longestLine = 1024
    /// How often one request is sent again because the upstream provably did not have it.
    static let mostResends = 3
    /// A connection that has just answered may be about to be closed by the upstream; one that has rested this long has shown that it is not.
    private static let restNanoseconds: UInt64 = 1_000_000

    let target: UpstreamTarget
    private unowned let worker: Worker
    private let capacity: Int
    /// Oldest use first.
    private var idle = CircularBuffer<UpstreamHTTP1Connection>()
    private(set) var connections: [UpstreamHTTP1Connection] = []
    /// The HTTP/2 connections, those that are going away included, in the order of their opening.
    private var multiplexed: [UpstreamHTTP2Connection] = []
    private var connecting = 0
    /// Requests at once on an HTTP/2 connection, as the upstream has last said; nil before it has.
    private(set) var streamLimit: Int?
    private var demand: ConnectionDemand
    private var waiting = CircularBuffer<Waiting>()
    /// Those that must have a new connection; ahead of the line.
    private var resending = CircularBuffer<Waiting>()
    private(set) var isRetired = false

    init(target: UpstreamTarget, worker: Worker, capacity: Int) {
        self.target = target
        self.worker = worker
        self.capacity = max(1, capacity)
        let settings = target.settings
        demand = ConnectionDemand(
            expectedRequests: settings.http2 == .required ? Int(HTTP2Limits().maxConcurrentStreams) : 1,
            isUnknown: settings.http2 == .auto && settings.usesTLS)
    }

    var idleCount: Int { idle.count + multiplexed.count(where: \.isIdle) }
    var connectionCount: Int { connections.count + multiplexed.count }
    var multiplexedCount: Int { multiplexed.count }
    var streamCount: Int { multiplexed.reduce(0) { $0 + $1.streamCount } }
    var waitingCount: Int { waiting.count + resending.count }

    func send(_ request: SignedRequest, for exchange: Exchange) {
        if worker.isAbandoned { return exchange.upstreamFailed(.draining) }
        let now = Clock.monotonicNanoseconds()
        if !multiplexed.isEmpty, let connection = multiplexedWithRoom(now: now) {
            connection.send(request, for: exchange, now: now)
        } else if let connection = takeIdle(now: now) {
            connection.send(request, for: exchange, now: now)
        } else if waiting.count >= Self.longestLine {
            exchange.upstreamFailed(.poolExhausted)
        } else {
            waiting.append(Waiting(request: request, exchange: exchange, since: now))
            openAsNeeded()
        }
    }

    private func takeIdle(now: UInt64) -> UpstreamHTTP1Connection? {
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

    /// The oldest that has room, so that the youngest become idle and go.
    private func multiplexedWithRoom(now: UInt64, except refused: UpstreamHTTP2Connection? = nil) -> UpstreamHTTP2Connection? {
        if let found = multiplexed.first(where: { $0 !== refused && $0.hasRoom && !$0.isStale(now: now) }) { return found }
        // One that has rested for too long is about to be closed by the upstream, too.
        for connection in multiplexed where connection.isStale(now: now) { connection.retire() }
        return nil
    }

    private func closeIdle() {
        let closing = idle
        idle.removeAll()
        for connection in closing { connection.close() }
    }

    // MARK: - Opening

    func openAsNeeded() {
        // One that is open and has not heard how many requests it may carry will take from the line soon, like one that is not open yet.
        let settling = multiplexed.count(where: \.isSettling)
        let attempts = demand.attempts(
            inLine: waitingCount, connecting: connecting + settling, open: connectionCount - settling, capacity: capacity)
        for _ in 0..<attempts { open() }
    }

    private func open() {
        connecting += 1
        let loopBound = NIOLoopBound(self, eventLoop: worker.loop)
        let settings = target.settings
        let target = target
        let bootstrap = ClientBootstrap(group: worker.loop)
            .connectTimeout(.nanoseconds(Int64(settings.connectTimeoutNanoseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pool = loopBound.value
                    if let context = target.tls {
                        let session = try TLSSession(client: context, serverName: settings.host)
                        try channel.pipeline.syncOperations.addHandler(
                            TLSHandler(session: session, handshakeTimeout: .nanoseconds(Int64(settings.connectTimeoutNanoseconds))))
                    }
                    try channel.pipeline.syncOperations.addHandler(UpstreamOpening(pool: pool, worker: pool.worker))
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
                guard let opening = try? channel.pipeline.syncOperations.handler(type: UpstreamOpening.self) else {
                    return pool.openingFailed(.unreachable("the connection was closed at once"))
                }
                opening.connected()
            case .failure(let error): pool.openingFailed(UpstreamFailure(connecting: error))
            }
        }
    }

    /// A connection may be used now: connected, and with its handshake done.
    func isOpen(_ connection: UpstreamHTTP1Connection) {
        connecting -= 1
        demand.opened(requests: 1)
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
        // The first has shown what is spoken here, and so how many more it takes.
        if waitingCount > 0 { openAsNeeded() }
    }

    /// The same for a connection that carries many requests.
    func isOpen(_ connection: UpstreamHTTP2Connection) {
        connecting -= 1
        guard connection.isUsable, !isRetired || waitingCount > 0 else {
            connection.retire()
            openAsNeeded()
            return
        }
        demand.opened(requests: streamLimit ?? Int(HTTP2Limits().maxConcurrentStreams))
        multiplexed.append(connection)
        serve(connection, in: \.resending)
        hasRoom(on: connection)
        if waitingCount > 0 { openAsNeeded() }
    }

    /// One attempt failed: those are told who have waited longest and for whom it was made; the others have attempts of their own.
    func openingFailed(_ failure: UpstreamFailure) {
        connecting -= 1
        var told: [Exchange] = []
        let wanted = demand.failed()
        // Where a connection serves the line, too, the others may yet have their turn on it. One is told at least, so that attempts end.
        for _ in 0..<(multiplexed.contains(where: \.isUsable) ? 1 : wanted) {
            guard let first = resending.popFirst() ?? waiting.popFirst() else { break }
            told.append(first.exchange)
        }
        // Told afterwards, because whoever is told may come back with another request.
        for exchange in told { exchange.upstreamFailed(failure) }
        openAsNeeded()
    }

    /// The first in line that may still go: a delete is not carried out for somebody who has left before it was sent, nor against a freeze.
    private func nextToSend(in line: ReferenceWritableKeyPath<UpstreamPool, CircularBuffer<Waiting>>) -> Waiting? {
        while let first = self[keyPath: line].popFirst() {
            if first.exchange.isFrozen {
                first.exchange.upstreamFailed(.frozen)
            } else if first.exchange.state.isCallerGone {
                first.exchange.upstreamFailed(.callerGone)
            } else {
                return first
            }
        }
        return nil
    }

    // MARK: - Reuse

    func release(_ connection: UpstreamHTTP1Connection) {
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
        if connectionCount + connecting >= capacity, let oldest = idle.popFirst() { oldest.close() }
        openAsNeeded()
    }

    /// The same of a stream, for HTTP/2: the upstream said that it did not process the request (RFC 9113 section 8.7). Another connection
    /// takes it, a new one if need be; the one that refused only where there can be no other.
    func sendAgain(_ request: SignedRequest, for exchange: Exchange, refusedBy connection: UpstreamHTTP2Connection) {
        if worker.isAbandoned { return exchange.upstreamFailed(.draining) }
        if exchange.state.isCallerGone { return exchange.upstreamFailed(.callerGone) }
        if exchange.isFrozen { return exchange.upstreamFailed(.frozen) }
        exchange.resends += 1
        exchange.record.attempts += 1
        let now = Clock.monotonicNanoseconds()
        if let other = multiplexedWithRoom(now: now, except: connection) { return other.send(request, for: exchange, now: now) }
        resending.append(Waiting(request: request, exchange: exchange, since: now))
        if connectionCount + connecting >= capacity, let oldest = idle.popFirst() { oldest.close() }
        openAsNeeded()
    }

    /// The upstream has said how many requests it takes at once on one connection.
    func streamLimitChanged(on connection: UpstreamHTTP2Connection) {
        streamLimit = connection.streamLimit
        demand.opened(requests: connection.streamLimit)
        hasRoom(on: connection)
        openAsNeeded()
    }

    /// An HTTP/2 connection may take more requests than before.
    func hasRoom(on connection: UpstreamHTTP2Connection) {
        // Those that a connection has refused wait for a new one where one is on its way.
        if connecting == 0 { serve(connection, in: \.resending) }
        serve(connection, in: \.waiting)
    }

    private func serve(_ connection: UpstreamHTTP2Connection, in line: ReferenceWritableKeyPath<UpstreamPool, CircularBuffer<Waiting>>) {
        if self[keyPath: line].isEmpty { return }
        let now = Clock.monotonicNanoseconds()
        while connection.hasRoom, let next = nextToSend(in: line) { connection.send(next.request, for: next.exchange, now: now) }
    }

    func remove(_ connection: UpstreamHTTP2Connection) {
        guard let index = multiplexed.firstIndex(where: { $0 === connection }) else { return }
        multiplexed.remove(at: index)
        openAsNeeded()
    }

    func remove(_ connection: UpstreamHTTP1Connection) {
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
        for connection in multiplexed { connection.tick(now: now) }
    }

    private static func expired(_ line: inout CircularBuffer<Waiting>, now: UInt64, after timeout: UInt64) -> [Exchange] {
        var expired: [Exchange] = []
        while let first = line.first, now &- first.since > timeout {
            expired.append(first.exchange)
            line.removeFirst()
        }
        return expired
    }

    var needsTicks: Bool { connectionCount > 0 || waitingCount > 0 || connecting > 0 }

    /// No more connections are kept; what is under way ends as it may.
    func retire() {
        isRetired = true
        closeIdle()
        for connection in multiplexed where connection.isIdle { connection.retire() }
    }

    /// The drain's time is up.
    func abandon() {
        isRetired = true
        while let first = resending.popFirst() ?? waiting.popFirst() { first.exchange.upstreamFailed(.draining) }
        for connection in connections { connection.fail(.drainEnded) }
        for connection in multiplexed { connection.fail(.drainEnded) }
    }
}

extension UpstreamFailure {
    init(connecting error: any Error, requiresHTTP2: Bool = false) {
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
        // The upstream speaks none of what was offered (RFC 7301 section 3.2): http/1.1 is left out only where HTTP/2 is required.
        case let error as TLSError where error.kind == .alertReceived(120) && requiresHTTP2: self = .noHTTP2
        case let error as TLSError: self = .tls(error.sentence)
        default: self = .unreachable("\(cause)")
        }
    }
}

import GatewayConfig
import GatewayCore
import NIOCore
import NIOPosix
import Wire

/// One event loop's way to the store: connects, greets, asks in a pipeline, notices failures and tries again.
///
/// Greeting: `AUTH`, `SELECT`, `SCRIPT LOAD` and the script with no keys, all in one write. From then on each request is one `EVALSHA`;
/// where the store has forgotten the script (`SCRIPT FLUSH`, a restart behind a proxy), the request is asked again with its text.
final class StoreLink {
    private let target: StoreTarget
    private let loop: any EventLoop
    private let counters: StoreCounters
    private let voice: StoreVoice
    private var health = SharedStoreHealth()
    private var connection: StoreConnection?
    private var isClosed = false
    private var first: EventLoopPromise<Void>?
    /// The script's name in `EVALSHA`: 40 hexadecimal digits.
    private var digest: [UInt8] = []
    private var expected = CircularBuffer<StoreExpectation>()
    private let command = StoreCommand()
    /// Ends the attempt to connect, or starts the next one.
    private var attempt: Scheduled<Void>?
    /// Fires no later than the oldest question runs out.
    private var deadline: Scheduled<Void>?

    init(target: StoreTarget, loop: any EventLoop, counters: StoreCounters, voice: StoreVoice) {
        self.target = target
        self.loop = loop
        self.counters = counters
        self.voice = voice
    }

    // All on the loop.

    // MARK: - Asking

    var isUp: Bool { health.isUp }

    /// Asks for the request of a ticket. The limiter is told, in a later tick: either the answer or that there is none.
    /// - Returns: false where the store is down; nothing was asked then.
    func ask(_ question: StoreQuestion, now: UInt64) -> Bool {
        guard isUp, let connection else { return false }
        write(question, withText: false, now: now)
        guard connection.write(command) else { return false }
        expect(.decision(question), now: now)
        return true
    }

    /// Tells the store of a request that has taken its share and does not use it. Nobody waits for the answer.
    func giveBack(_ unused: StoreGiveBack, now: UInt64) {
        guard isUp, let connection else { return }
        write(unused, withText: false, now: now)
        if connection.write(command) { expect(.giveBack(unused), now: now) }
    }

    private func write(_ question: StoreQuestion, withText: Bool, now: UInt64) {
        startScript(withText: withText)
        question.shared.appendArguments(
            SharedLimitScript.take, question.ticket.request, mayWait: question.hasWaited, table: question.limiter.table, now: now,
            to: &command.bytes, lengths: &command.lengths)
    }

    private func write(_ giveBack: StoreGiveBack, withText: Bool, now: UInt64) {
        startScript(withText: withText)
        giveBack.shared.appendArguments(
            SharedLimitScript.giveBack, giveBack.request, mayWait: false, table: giveBack.table, now: now, to: &command.bytes,
            lengths: &command.lengths)
    }

    private func startScript(withText: Bool) {
        command.clear()
        command.append((withText ? "EVAL" : "EVALSHA").utf8)
        if withText { command.append(SharedLimitScript.text.utf8) } else { command.append(digest) }
    }

    private func expect(_ purpose: StoreExpectation.Purpose, now: UInt64) {
        expected.append(StoreExpectation(purpose: purpose, askedAt: now))
        if deadline == nil { armDeadline(at: now &+ target.settings.timeoutNanoseconds) }
    }

    /// One timer serves all: it looks at the oldest question, and is set again for the one that is the oldest then.
    private func armDeadline(at instant: UInt64) {
        deadline = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(instant)) {
            self.deadline = nil
            guard let oldest = self.expected.first else { return }
            let end = oldest.askedAt &+ self.target.settings.timeoutNanoseconds
            if end <= self.loop.now.uptimeNanoseconds { self.fail(.timedOut) } else { self.armDeadline(at: end) }
        }
    }

    // MARK: - Answers

    func received(_ reply: StoreReply, from connection: StoreConnection) {
        guard connection === self.connection else { return }
        guard let expectation = expected.popFirst() else { return fail(.malformed) }
        let now = loop.now.uptimeNanoseconds
        if case .error(let text) = reply { return refused(expectation, text, now: now) }
        switch (expectation.purpose, reply) {
        case (.acceptance, .text), (.giveBack, .integers): break
        case (.digest, .text(let text)) where text.utf8.count == 40: digest = Array(text.utf8)
        case (.probe, .integers): isCounting()
        case (.decision(let question), .integers(let integers)):
            let keys = question.shared.keyCount(question.ticket.request)
            guard let answer = SharedLimitAnswer(integers, keys: keys) else { return fail(.malformed, unanswered: expectation) }
            health.answered()
            counters.answered(afterNanoseconds: now &- expectation.askedAt)
            question.limiter.storeAnswered(answer, to: question, askedAt: expectation.askedAt, now: now)
        default: fail(.malformed, unanswered: expectation)
        }
    }

    private func refused(_ expectation: StoreExpectation, _ text: String, now: UInt64) {
        guard text.hasPrefix("NOSCRIPT"), !expectation.withText, let connection else {
            return fail(StoreFailure(reply: text), unanswered: expectation)
        }
        switch expectation.purpose {
        case .decision(let question): write(question, withText: true, now: now)
        case .giveBack(let giveBack): write(giveBack, withText: true, now: now)
        default: return fail(StoreFailure(reply: text))
        }
        guard connection.write(command) else { return fail(.malformed, unanswered: expectation) }
        var again = expectation
        again.withText = true
        expected.append(again)
    }

    // MARK: - Connecting

    /// - Parameter first: done when the first attempt has ended, well or not.
    func connect(first: EventLoopPromise<Void>) {
        self.first = first
        probe()
    }

    private func probe() {
        guard !isClosed, connection == nil else { return first?.succeed() ?? () }
        health.probing()
        let settings = target.settings
        let timeout = TimeAmount.nanoseconds(Int64(settings.timeoutNanoseconds))
        let bound = NIOLoopBound(self, eventLoop: loop)
        let target = target
        let made: StoreConnection
        do { made = try StoreConnection(link: self, awaitsHandshake: target.tls != nil) } catch { return fail(.malformed) }
        connection = made
        let handler = NIOLoopBound(made, eventLoop: loop)
        attempt = loop.assumeIsolated().scheduleTask(in: timeout) { self.failed(.timedOut, on: made) }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = target.tls {
                        let session = try TLSSession(client: tls, serverName: target.settings.host)
                        try channel.pipeline.syncOperations.addHandler(TLSHandler(session: session))
                    }
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
        let connected: EventLoopFuture<any Channel>
        if settings.address != nil, let address = try? SocketAddress(ipAddress: settings.host, port: settings.port) {
            connected = bootstrap.connect(to: address)
        } else {
            connected = bootstrap.connect(host: settings.host, port: settings.port)
        }
        connected.hop(to: loop).whenComplete { result in
            switch result {
            case .failure(let error): bound.value.failed(StoreFailure(connecting: error), on: handler.value)
            case .success(let channel):
                // Given up in the meantime.
                if bound.value.connection !== handler.value { channel.close(promise: nil) }
            }
        }
    }

    func connected(_ connection: StoreConnection) {
        guard connection === self.connection else { return }
        let settings = target.settings
        let now = loop.now.uptimeNanoseconds
        var isWritten = true
        func say(_ arguments: [[UInt8]], _ purpose: StoreExpectation.Purpose) {
            command.clear()
            for argument in arguments { command.append(argument) }
            isWritten = isWritten && connection.write(command)
            // The attempt's own timer bounds the greeting.
            expected.append(StoreExpectation(purpose: purpose, askedAt: now))
        }
        if let password = settings.password {
            let user = settings.user.map { [Array($0.utf8)] } ?? []
            say([Array("AUTH".utf8)] + user + [password.revealedBytes], .acceptance)
        }
        if settings.database != 0 { say([Array("SELECT".utf8), Array(String(settings.database).utf8)], .acceptance) }
        let script = Array(SharedLimitScript.text.utf8)
        say([Array("SCRIPT".utf8), Array("LOAD".utf8), script], .digest)
        say([Array("EVAL".utf8), script, Array("0".utf8), Array(SharedLimitScript.take.utf8)], .probe)
        if !isWritten { failed(.malformed, on: connection) }
    }

    private func isCounting() {
        attempt?.cancel()
        attempt = nil
        health.probed()
        voice.connected(counters.connectionCame())
        first?.succeed()
        first = nil
    }

    // MARK: - Failing

    func failed(_ failure: StoreFailure, on connection: StoreConnection) {
        guard connection === self.connection else { return }
        fail(failure)
    }

    /// Decides everybody who waits without the store, and tries again later.
    private func fail(_ failure: StoreFailure, unanswered: StoreExpectation? = nil) {
        if health.isUp { counters.connectionWent() }
        let lost = (unanswered.map { [$0] } ?? []) + Array(expected)
        let now = loop.now.uptimeNanoseconds
        endConnection()
        let next = health.failed(now: now)
        if !isClosed {
            counters.failed(failure)
            voice.failed(failure, now: now)
            attempt = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(next)) { self.probe() }
        }
        first?.succeed()
        first = nil
        for expectation in lost {
            if case .decision(let question) = expectation.purpose { question.limiter.storeFailed(question, now: now) }
        }
    }

    private func endConnection() {
        expected.removeAll()
        attempt?.cancel()
        attempt = nil
        deadline?.cancel()
        deadline = nil
        connection?.giveUp()
        connection = nil
    }

    func close() {
        isClosed = true
        fail(.disconnected("closed"))
    }
}

import GatewayCore
import NIOCore

/// One request with its response: the line itself. Each step calls the stage whose name it bears and hands the permit that it got to the
/// next; the order is kept by the permits' types and, for the two guarantees, by `ExchangeState`.
///
/// caller identity -> route and id -> authorisation -> limits -> audit intent -> signature -> upstream -> relay -> audit outcome
///
/// Lives on one event loop from the first byte to the last; the parts that wait (limits, audit, upstream) call back on it.
final class Exchange {
    let worker: Worker
    let runtime: GatewayRuntime
    let peer: Peer
    /// nil where the bytes that came were no request.
    let head: RequestHead?
    let id: [UInt8]
    /// Monotonic nanoseconds when the head was complete.
    let start: UInt64
    let arrivedMilliseconds: Int64

    private(set) weak var downstream: (any DownstreamStream)?
    private(set) var state = ExchangeState()
    var record: ExchangeRecord
    private let bodyLimit: Int

    // What the stages have made so far.
    private var authorized: AuthorizedRequest?
    /// What the limits were asked.
    private(set) var ask: AdmissionRequest?
    private var admitted: AdmittedRequest?
    private(set) var recorded: RecordedRequest?
    private var body: ByteBuffer?
    private var ticket: WaitTicket?
    private var waitingSince: UInt64 = 0
    /// Among the requests under way to its upstream; only where `maxInFlight` is set.
    private var place: InFlightPlace?
    /// The upstream connection, or the stream on one, that carries it now.
    weak var connection: (any UpstreamCarrier)?
    /// When the attempt under way was handed to the pool (monotonic nanoseconds).
    private(set) var sentAt: UInt64 = 0
    /// How often it was sent again because a connection was closed before it.
    var resends = 0
    /// What was added to this machine's time for the last signature, in milliseconds.
    private(set) var signedCorrection: Int64 = 0
    /// The upstream refused a signature for its time, and another was made.
    private(set) var hasSignedAgain = false

    /// Among those that a freeze waits for.
    private var isCountedDestructive = false

    // What the relay needs.
    var relay = RelayState()

    init(worker: Worker, downstream: any DownstreamStream, peer: Peer, head: RequestHead?, bodyLimit: Int) {
        self.worker = worker
        runtime = worker.runtime
        self.downstream = downstream
        self.peer = peer
        self.head = head
        self.bodyLimit = bodyLimit
        start = Clock.monotonicNanoseconds()
        arrivedMilliseconds = Clock.wallMilliseconds()
        id = worker.ids.next(wallMilliseconds: arrivedMilliseconds)
        record = ExchangeRecord()
        worker.exchanges += 1
    }

    deinit { worker.exchanges -= 1 }

    // MARK: - The line

    /// First who, then what, then whether: nothing is told about routes to somebody unknown, and no limit is touched for what is not allowed.
    func begin() {
        guard let head else { return }
        switch runtime.callers.identify(head, from: peer, sha256: worker.sha256) {
        case .refused(let refusal): refuse(refusal)
        case .granted(let identified):
            record.caller = identified
            match(head, identified)
        }
    }

    private func match(_ head: RequestHead, _ identified: IdentifiedRequest) {
        switch runtime.routes.match(head, identified) {
        case .refused(let unmatched):
            record.route = unmatched.route
            // Whom nobody knows is told nothing about routes, however the policy is in force.
            refuse(identified.proof == nil ? CallerTable.unknown : unmatched.refusal)
        case .granted(let matched):
            record.route = matched.route
            record.matched = matched
            authorize(head, matched)
        }
    }

    private func authorize(_ head: RequestHead, _ matched: MatchedRequest) {
        switch runtime.authorizer.authorize(matched) {
        case .refused(let refusal): refuse(refusal)
        case .granted(let authorized): takeBody(head, authorized)
        case .reported(let authorized, let refusal):
            record.wouldRefuse = refusal.reason
            worker.counters.reported[refusal.reason, default: 0] += 1
            takeBody(head, authorized)
        }
    }

    /// The signature covers the whole body, so it is read first: in memory, and never more than the listener allows. Over HTTP/2 the end of a
    /// body of length 0 is waited for, too: what comes instead of it would make the request malformed (RFC 9113 section 8.1.1).
    private func takeBody(_ head: RequestHead, _ authorized: AuthorizedRequest) {
        if isFrozen { return refuse(worker.freeze.refusal) }
        self.authorized = authorized
        switch head.framing {
        case .none, .untilClose: admit(at: start)
        case .length(let length) where length > bodyLimit: refuse(Self.bodyTooLarge)
        case .length, .chunked: downstream?.acceptBody()
        }
    }

    /// More of the request's body, in order.
    func received(body bytes: ByteBuffer) {
        guard state.phase == .deciding else { return }
        if let authorized, !runtime.routes.routes[authorized.matched.route].rule.allowsBody { return refuse(RouteTable.unexpectedBody) }
        if (body?.readableBytes ?? 0) + bytes.readableBytes > bodyLimit { return refuse(Self.bodyTooLarge) }
        var bytes = bytes
        if body == nil { body = bytes } else { body?.writeBuffer(&bytes) }
    }

    func receivedWholeBody() {
        if state.phase == .deciding, admitted == nil, ticket == nil { admit(at: Clock.monotonicNanoseconds()) }
    }

    /// - Parameter now: when the request was complete: a body that took its time is not held against it.
    private func admit(at now: UInt64) {
        guard let authorized else { return }
        let ask = AdmissionRequest(route: authorized.matched.route, caller: authorized.matched.identified.caller, arrival: now)
        self.ask = ask
        switch runtime.limiter.admit(ask, now: now, on: worker.loop, waiter: self) {
        case .admitted(let reading): admitted(by: reading)
        case .refused(let refusal): refuse(refusal)
        case .waiting(let ticket): wait(with: ticket, since: now)
        }
    }

    private func wait(with ticket: WaitTicket, since now: UInt64) {
        self.ticket = ticket
        waitingSince = now
    }

    private func stopWaiting() {
        ticket = nil
        record.waitNanoseconds &+= Clock.monotonicNanoseconds() &- waitingSince
    }

    private func admitted(by reading: LimitReading) {
        guard let authorized, let head else { return }
        if state.phase == .retrying { return admittedAgain(authorized, by: reading) }
        // Once more, for it may have waited; the last word is said in `forward`, when the intent is on disk.
        if isFrozen {
            if let ask { runtime.limiter.giveBack(ask) }
            return refuse(worker.freeze.refusal)
        }
        // Before the intent, for what is shed here is a refusal; after the limits, for what waits for its turn is not under way.
        guard takePlace(authorized) else {
            if let ask { runtime.limiter.giveBack(ask) }
            return refuse(Self.upstreamOverloaded)
        }
        let target = runtime.target(for: authorized)
        guard let live = try? worker.signer(for: target).credentials() else {
            if let ask { runtime.limiter.giveBack(ask) }
            return refuse(Self.noCredentials)
        }
        relay.reading = reading
        let admitted = AdmittedRequest(authorized, admittedBy: reading)
        self.admitted = admitted
        guard state.handle(.admitted) == .writeIntent else { return }
        guard let trail = runtime.trail else {
            // Without `audit` in the configuration there is nothing to record.
            return intentIsRecorded(.notConfigured)
        }
        record.accessKeyID = live.accessKeyID
        switch worker.lane.append(record.entry(.intent, of: self, head: head), to: trail, waiter: self) {
        case .accepted: intentIsRecorded(.accepted)
        case .pending: break
        case .refused(let reason): intentFailed(reason)
        }
    }

    /// Another attempt has its turn.
    private func admittedAgain(_ authorized: AuthorizedRequest, by reading: LimitReading) {
        guard !isFrozen, takePlace(authorized) else {
            if var ask {
                ask.attempt = .retry
                runtime.limiter.giveBack(ask)
            }
            return answerThrottle()
        }
        relay.reading = reading
        relay.throttle = nil
        // What the last attempt said is not the outcome.
        record.state = nil
        record.upstreamRequestID = []
        if state.handle(.admitted) == .forward { forward() }
    }

    /// False where as many requests as the upstream may be given are under way.
    private func takePlace(_ authorized: AuthorizedRequest) -> Bool {
        let target = runtime.target(for: authorized)
        guard let most = target.settings.maxInFlight else { return true }
        place = target.inFlight.take(most: most)
        return place != nil
    }

    private func intentIsRecorded(_ receipt: IntentReceipt) {
        guard let admitted, let head else { return }
        switch state.handle(.intentWritten) {
        case .forward:
            recorded = RecordedRequest(admitted, head: head, by: receipt)
            forward()
        case .writeOutcome(let terminal):
            if let ask { runtime.limiter.giveBack(ask) }
            writeOutcome(terminal, state: .callerGone)
        default: break
        }
    }

    private func intentFailed(_ reason: String) {
        guard state.handle(.intentFailed) == .refuseUnrecorded else { return }
        worker.log.auditUnwritable(reason)
        // What was not sent has used nothing up.
        if let ask { runtime.limiter.giveBack(ask) }
        answer(Self.auditNotWritable)
    }

    /// Signs afresh and sends; for the first attempt and for each later one.
    private func forward() {
        guard let recorded else { return }
        if isFrozen { return upstreamFailed(.frozen) }
        let target = runtime.target(for: recorded.admitted.authorized)
        let route = runtime.routes.routes[recorded.admitted.authorized.matched.route]
        guard let correction = target.clock.correction() else {
            record.state = .refusedLate
            return upstreamFailed(nil, refusal: Self.clockSkewed, sent: false)
        }
        signedCorrection = correction
        do {
            let signer = try worker.signer(for: target)
            guard let live = signer.credentials() else {
                record.state = .refusedLate
                return upstreamFailed(nil, refusal: Self.noCredentials, sent: false)
            }
            // They may have been renewed since the intent; the outcome names those that were used.
            record.accessKeyID = live.accessKeyID
            let signed = try signer.sign(
                recorded, route: route, body: body, credentials: live, epochSeconds: (Clock.wallMilliseconds() + correction) / 1000)
            record.attempts += 1
            countDestructive()
            sentAt = Clock.monotonicNanoseconds()
            worker.pool(for: target).send(signed, for: self)
        } catch {
            record.state = .refusedLate
            upstreamFailed(nil, refusal: Self.signingFailed, sent: false)
        }
    }

    private func countDestructive() {
        guard !isCountedDestructive, let route = record.route, runtime.routes.routes[route].isDestructive else { return }
        isCountedDestructive = true
        worker.destructiveUnderWay += 1
    }

    /// False where nobody waits for it any more.
    func signAgain(_ target: UpstreamTarget) -> Bool {
        guard downstream != nil, state.handle(.signatureRefused) == .forward else { return false }
        hasSignedAgain = true
        target.clock.countSignedAgain()
        // What the last attempt said is not the outcome.
        record.upstreamRequestID = []
        record.errorType = []
        record.status = 0
        forward()
        return true
    }

    /// The upstream that it was recorded for.
    var currentTarget: UpstreamTarget? { recorded.map { runtime.target(for: $0.admitted.authorized) } }

    // MARK: - From the upstream (its answers are in Relay/Relay.swift)

    func upstreamIsDone() { connection = nil }

    func handle(_ event: ExchangeState.Event) -> ExchangeState.Action { state.handle(event) }

    func upstreamFailed(_ failure: UpstreamFailure) {
        if failure != .frozen {
            if failure != .callerGone { worker.log.upstreamFailed(failure, upstream: upstreamName) }
            countUpstreamFailure(failure)
        }
        switch failure {
        case .silent, .unresponsive: record.state = .unknownTimeout
        case .drainEnded: record.state = .unknownShutdown
        case .draining, .frozen: record.state = .refusedLate
        case .callerGone: record.state = .callerGone
        default: break
        }
        let refusal = failure == .frozen ? worker.freeze.refusal : failure.refusal
        upstreamFailed(failure, refusal: refusal, sent: failure.mayHaveBeenProcessed)
    }

    func upstreamFailed(_ failure: UpstreamFailure?, refusal: Refusal, sent: Bool) {
        connection = nil
        let isRelaying = state.phase == .relaying
        // A throttle is known by its head; that its body was cut short changes nothing.
        if isRelaying, relay.throttle != nil { return throttled(mayRetry: failure != .draining && failure != .drainEnded) }
        guard case .writeOutcome(let terminal) = state.handle(.upstreamFailed(sent: sent)) else { return }
        // What provably reached nobody has used nothing up.
        if !sent, var ask {
            // A first attempt that the upstream throttled has used its share; only this one's is given back.
            if record.attempts > 1 + resends + (hasSignedAgain ? 1 : 0) { ask.attempt = .retry }
            runtime.limiter.giveBack(ask)
        }
        if isRelaying, relay.hasBegun {
            writeOutcome(terminal, state: .unknownUpstreamClosed)
            downstream?.abort()
            count(origin: .upstream, status: record.status)
            downstream = nil
            return
        }
        record.reason = refusal.reason
        let shape = ErrorShape.of(refusal.kind)
        record.status = shape.status
        record.origin = .gateway
        record.errorType = Array(shape.code.description.utf8)
        writeOutcome(terminal, state: record.state ?? (terminal == .notSent ? .notSent : .unknownUpstreamClosed))
        answer(refusal)
    }

    /// The upstream's whole answer is here and relayed, or answered in its stead (a throttle).
    func answerEnded() {
        guard case .writeOutcome(let terminal) = state.handle(.answerEnded) else { return }
        writeOutcome(terminal, state: .answered)
    }

    // MARK: - From the caller

    /// The caller hung up. What was sent cannot be recalled, so the upstream's answer is awaited and recorded all the same.
    func callerIsGone() {
        downstream = nil
        let action = state.handle(.callerGone)
        if let ticket {
            runtime.limiter.cancel(ticket)
            stopWaiting()
        }
        if action == .writeRefusal {
            record.reason = "caller/gone"
            writeRefusal(errorType: "ServiceUnavailableException", status: 0)
        }
        if state.phase == .retrying { answerThrottle() }
        connection?.resumeReading()
    }

    /// For its first turn, or for another attempt: either way nothing has been done for it.
    var isWaitingForItsTurn: Bool { ticket?.isQueued == true }

    func downstreamIsWritable() { connection?.resumeReading() }

    // MARK: - Refusing

    /// Refuses before anything was recorded: one answer, one record.
    func refuse(_ refusal: Refusal) {
        guard state.handle(.refused) == .writeRefusal else { return }
        let shape = ErrorShape.of(refusal.kind, style: throttleStyle)
        record.reason = refusal.reason
        record.origin = .gateway
        writeRefusal(errorType: shape.code.description, status: shape.status)
        answer(refusal)
    }

    private func refuse(_ limit: LimitRefusal) {
        if limit.cause == .draining { return refuse(UpstreamFailure.draining.refusal) }
        if limit.cause == .storeUnavailable { return refuse(runtime.throttles.refusal(for: limit)) }
        relay.refusal = limit
        refuse(runtime.throttles.refusal(for: limit))
    }

    /// Writes an answer of the gateway's own. `requestID` is the upstream's where it has spoken.
    func answer(_ refusal: Refusal, origin: AnswerOrigin = .gateway, requestID: [UInt8]? = nil) {
        let style = throttleStyle
        let shape = ErrorShape.of(refusal.kind, style: style)
        count(origin: origin, status: shape.status, reason: refusal.reason)
        guard let downstream else { return }
        var fields = worker.takeScratch()
        AnswerFields.appendRefusal(
            refusal, style: style, id: id, requestID: (requestID ?? id)[...], origin: origin, date: worker.dateText(), to: &fields)
        if !record.wouldRefuse.isEmpty { AnswerFields.appendReport(record.wouldRefuse, to: &fields) }
        appendLimitFields(to: &fields)
        var text: [UInt8] = []
        AnswerFields.appendRefusalBody(refusal, style: style, to: &text)
        downstream.respond(
            status: shape.status, fields: fields, body: .length(text.count), closesConnection: refusal.closesConnection)
        worker.returnScratch(fields)
        _ = downstream.send(body: ByteBuffer(bytes: text))
        self.downstream = nil
        downstream.finish()
    }

    var throttleStyle: ThrottleStyle {
        record.route.map { runtime.routes.routes[$0].rule.throttleStyle } ?? .modeled
    }

    /// The relay has written the last of the answer.
    func releaseDownstream() -> (any DownstreamStream)? {
        defer { downstream = nil }
        return downstream
    }

    /// Asks for another turn for what the upstream throttled, within `maxWait` (a throttled request was not processed).
    /// False: there is none, and the caller must be told.
    func retryAfterThrottle() -> Bool {
        guard var ask, recorded != nil, downstream != nil, state.handle(.throttled) == .none, state.phase == .retrying else { return false }
        // While it waits for another turn it is not under way.
        place = nil
        let now = Clock.monotonicNanoseconds()
        ask.attempt = .retry
        ask.notBefore = now &+ (relay.throttle?.waitNanoseconds ?? 0)
        switch runtime.limiter.admit(ask, now: now, on: worker.loop, waiter: self) {
        case .admitted(let reading): admitted(by: reading)
        case .waiting(let ticket): wait(with: ticket, since: now)
        case .refused: return false
        }
        return true
    }

    // MARK: - Records

    private func writeRefusal(errorType: String, status: Int) {
        record.status = status
        record.errorType = Array(errorType.utf8)
        guard let trail = runtime.trail else { return }
        _ = worker.lane.append(record.entry(.refusal, of: self, head: head), to: trail, waiter: nil)
    }

    private func writeOutcome(_ terminal: ExchangeState.Terminal, state: AuditState) {
        record.state = state
        place = nil
        if isCountedDestructive {
            isCountedDestructive = false
            worker.destructiveUnderWay -= 1
        }
        guard let trail = runtime.trail else { return }
        _ = worker.lane.append(record.entry(.outcome, of: self, head: head), to: trail, waiter: nil)
    }

    private var upstreamName: String {
        recorded.map { runtime.target(for: $0.admitted.authorized).settings.name } ?? ""
    }
}

extension Exchange: AdmissionWaiter {
    func admissionDecided(_ decision: AdmissionDecision) {
        stopWaiting()
        switch decision {
        case .admitted(let reading): admitted(by: reading)
        case .refused(let refusal):
            guard state.phase == .retrying else { return refuse(refusal) }
            // For another attempt, the upstream's throttle is what the caller is told.
            answerThrottle()
        }
    }
}

extension Exchange: AuditWaiter {
    func auditWritten() { intentIsRecorded(.durable) }
    func auditFailed(_ reason: String) { intentFailed(reason) }
}

import GatewayCore
import NIOCore
import Synchronization

/// The limits of a running configuration, shared by all event loops.
///
/// What can be decided at once is decided on the asking loop, by the table alone. Only a request that must wait goes to the home loop,
/// where the queues are; its answer comes back on its own loop. While anybody waits for a key, every request for that key takes this
/// way, so that nobody is overtaken.
final class Limiter: Sendable {
    let table: LimitTable
    /// Where other gateways count with this one; nil where it counts alone.
    let shared: SharedLimits?
    private let home: any EventLoop
    private let waiting: NIOLoopBoundBox<Waiting>
    private let lastTicket = Atomic<UInt64>(0)
    /// The limiter before the last reload, while requests still wait in it.
    private weak let predecessor: Limiter?

    /// What lives on the home loop.
    private struct Waiting {
        var room: WaitingRoom
        var tickets: [UInt64: WaitTicket] = [:]
        var timer: Scheduled<Void>?
        var timerInstant: UInt64 = .max
    }

    /// - Parameters:
    ///   - previous: the limiter of the configuration before; its counts go on in this one.
    ///   - home: the loop that keeps the queues, the first of the group. It must outlive the limiter's use.
    ///   - store: asked about every request that the table lets through.
    ///   - now: monotonic nanoseconds, on the clock of `NIODeadline`; so everywhere here.
    init(plan: LimitPlan, inheriting previous: Limiter?, home: any EventLoop, store: SharedLimitStore? = nil, now: UInt64) {
        shared = store.map { SharedLimits(store: $0, plan: plan) }
        table = previous.map { LimitTable(plan: plan, inheriting: $0.table, now: now) } ?? LimitTable(plan: plan)
        self.home = home
        waiting = .makeBoxSendingValue(Waiting(room: WaitingRoom(table: table)), eventLoop: home)
        predecessor = previous
    }

    /// Takes one request from each of its limits, or says when it could.
    /// - Parameters:
    ///   - loop: the loop that this is called on, and that `waiter` is told on.
    ///   - waiter: told the decision, once, unless it cancels; only where the result is `waiting`.
    func admit(_ request: AdmissionRequest, now: UInt64, on loop: any EventLoop, waiter: any AdmissionWaiter) -> Admission {
        if request.attempt == .retry { return retry(request, now: now, on: loop, waiter: waiter) }
        switch table.take(request, now: now) {
        case .admitted(let reading):
            guard let shared else { return .admitted(reading) }
            let ticket = makeTicket(request, on: loop, waiter: waiter)
            ticket.isQueued = false
            return confirm(reading, for: ticket, by: shared, hasWaited: false, now: now)
        case .refused(let refusal): return .refused(refusal)
        case .mustWait: break
        }
        let ticket = makeTicket(request, on: loop, waiter: waiter)
        guard loop === home else {
            queue(ticket)
            return .waiting(ticket)
        }
        switch enter(ticket, now: now, isAsking: true) {
        case .admitted(let reading):
            guard let shared else { return .admitted(reading) }
            return confirm(reading, for: ticket, by: shared, hasWaited: true, now: now)
        case .refused(let refusal): return .refused(refusal)
        case nil: return .waiting(ticket)
        }
    }

    /// The waiter does not want to know any more: its caller has hung up. It leaves the queue, or gives back the turn that it has just got.
    /// On the waiter's loop.
    func cancel(_ ticket: WaitTicket) {
        if ticket.holdsTurn { giveBack(ticket.request) }
        ticket.forget()
        home.execute {
            guard self.waiting.value.tickets.removeValue(forKey: ticket.id) != nil else { return }
            self.waiting.value.room.leave(ticket: ticket.id)
            self.arm()
        }
    }

    /// Gives back what an admitted request has taken and will not use, for instance because its audit record cannot be written.
    func giveBack(_ request: AdmissionRequest) { giveBack(request, inStore: true) }

    private func giveBack(_ request: AdmissionRequest, inStore: Bool) {
        table.giveBack(request)
        home.execute {
            if inStore { self.giveBackShared(request) }
            guard self.waiting.value.room.count > 0 else { return }
            var decisions: [WaitingRoom.Decision] = []
            self.waiting.value.room.reconsider(now: self.home.now.uptimeNanoseconds, into: &decisions)
            self.deliver(decisions)
            self.arm()
        }
    }

    /// The upstream of this route answered without throttling. On any loop; never waits.
    func upstreamSucceeded(route: Int, now: UInt64) { table.upstreamSucceeded(route: route, now: now) }

    /// The upstream of this route throttled what was sent to it at `sentAt`. On any loop; never waits.
    func upstreamThrottled(route: Int, sentAt: UInt64, now: UInt64) { table.upstreamThrottled(route: route, sentAt: sentAt, now: now) }

    /// What a caller is told whose request the upstream throttled, and when it may come back.
    func upstreamRefusal(for request: AdmissionRequest, upstreamWait: UInt64?, now: UInt64) -> LimitRefusal {
        table.upstreamRefusal(for: request, upstreamWait: upstreamWait, now: now)
    }

    /// For `/status` and `/metrics`.
    func status(now: UInt64) -> [LimitStatus] { table.status(now: now) }

    /// The gateway stops at `instant`: whoever's turn cannot come by then is refused now, the others are served in their turns.
    /// On any thread.
    func drain(until instant: UInt64) {
        predecessor?.drain(until: instant)
        home.execute {
            var decisions: [WaitingRoom.Decision] = []
            self.waiting.value.room.close(lastTurn: instant, now: self.home.now.uptimeNanoseconds, into: &decisions)
            self.deliver(decisions)
            self.arm()
        }
    }

    // MARK: - Retries

    /// A retry first lets an interval pass on its own loop, and then asks like any other.
    private func retry(_ request: AdmissionRequest, now: UInt64, on loop: any EventLoop, waiter: any AdmissionWaiter) -> Admission {
        guard let instant = table.retryInstant(for: request, now: now) else {
            return .refused(table.upstreamRefusal(for: request, upstreamWait: nil, now: now))
        }
        let ticket = makeTicket(request, on: loop, waiter: waiter)
        ticket.delay(loop.scheduleTask(deadline: .uptimeNanoseconds(instant)) { self.retryIsDue(ticket) })
        return .waiting(ticket)
    }

    private func retryIsDue(_ ticket: WaitTicket) {
        guard ticket.isWanted else { return }
        switch table.take(ticket.request, now: ticket.loop.now.uptimeNanoseconds) {
        case .admitted(let reading): conclude(.admitted(reading), for: ticket)
        case .refused(let refusal): ticket.tell(.refused(refusal))
        case .mustWait: queue(ticket)
        }
    }

    // MARK: - On the home loop

    /// Has a request wait for its turn. On any loop.
    func queue(_ ticket: WaitTicket) {
        home.execute { self.enter(ticket, now: self.home.now.uptimeNanoseconds) }
    }

    /// The loop whose connection tells the store what is given back. On it.
    var homeLink: StoreLink? { shared?.store.link(on: home) }

    private func makeTicket(_ request: AdmissionRequest, on loop: any EventLoop, waiter: any AdmissionWaiter) -> WaitTicket {
        WaitTicket(id: lastTicket.wrappingAdd(1, ordering: .relaxed).newValue, request: request, loop: loop, waiter: waiter)
    }

    /// - Parameter isAsking: the asker is on this loop and takes a decision on its own ticket as the result, instead of being told.
    @discardableResult
    private func enter(_ ticket: WaitTicket, now: UInt64, isAsking: Bool = false) -> AdmissionDecision? {
        var decisions: [WaitingRoom.Decision] = []
        waiting.value.tickets[ticket.id] = ticket
        waiting.value.room.arrive(ticket.request, ticket: ticket.id, now: now, into: &decisions)
        var own: AdmissionDecision?
        if isAsking, let index = decisions.firstIndex(where: { $0.ticket == ticket.id }) {
            own = AdmissionDecision(decisions.remove(at: index).verdict)
            waiting.value.tickets[ticket.id] = nil
        }
        deliver(decisions)
        arm()
        return own
    }

    private func advance() {
        var decisions: [WaitingRoom.Decision] = []
        waiting.value.room.advance(now: home.now.uptimeNanoseconds, into: &decisions)
        deliver(decisions)
        arm()
    }

    /// Told in a later tick even on this loop: nobody is called back from inside somebody else's `admit`.
    private func deliver(_ decisions: [WaitingRoom.Decision]) {
        for decision in decisions {
            guard let ticket = waiting.value.tickets.removeValue(forKey: decision.ticket) else { continue }
            let outcome = AdmissionDecision(decision.verdict)
            ticket.loop.execute {
                if ticket.isWanted {
                    self.conclude(outcome, for: ticket)
                } else if case .admitted = outcome {
                    self.giveBack(ticket.request, inStore: false)
                }
            }
        }
    }

    /// Sets the timer to the next event. One that fires too early does no harm: it looks, and is set again.
    private func arm() {
        guard let event = waiting.value.room.nextEvent else {
            waiting.value.timer?.cancel()
            waiting.value.timer = nil
            waiting.value.timerInstant = .max
            return
        }
        guard waiting.value.timer == nil || event < waiting.value.timerInstant else { return }
        waiting.value.timer?.cancel()
        waiting.value.timerInstant = event
        waiting.value.timer = home.scheduleTask(deadline: .uptimeNanoseconds(event)) {
            self.waiting.value.timer = nil
            self.advance()
        }
    }
}

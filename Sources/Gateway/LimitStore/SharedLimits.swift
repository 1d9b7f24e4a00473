import GatewayCore
import NIOCore

/// The limits of one configuration as they are counted in a store.
struct SharedLimits: Sendable {
    let store: SharedLimitStore
    let plan: SharedLimitPlan

    init(store: SharedLimitStore, plan: LimitPlan) {
        self.store = store
        self.plan = SharedLimitPlan(plan: plan, keyPrefix: store.settings.keyPrefix)
    }
}

/// Where a store is configured, the local table decides first and the store has the last word.
///
/// What this gateway refuses by itself costs no round trip: its table holds what it has admitted and what the store last said, so it never
/// gives leave more slowly than the store. What it lets through is asked; a request whose turn has come in the queue may be taken for a
/// moment a little later, so that gateways are served in the order in which they asked, and nobody polls.
///
/// When the store is silent the table's word stands (or, by configuration, the request is refused): it has counted all along.
extension Limiter {
    /// Asks the store about a request that the table has admitted.
    func confirm(_ reading: LimitReading, for ticket: WaitTicket, by shared: SharedLimits, hasWaited: Bool, now: UInt64) -> Admission {
        if shared.plan.keyCount(ticket.request) == 0 { return .admitted(reading) }
        let question = StoreQuestion(limiter: self, shared: shared.plan, ticket: ticket, hasWaited: hasWaited)
        if let link = shared.store.link(on: ticket.loop), link.ask(question, now: now) { return .waiting(ticket) }
        switch withoutStore(ticket.request, reading, shared) {
        case .admitted(let reading): return .admitted(reading)
        case .refused(let refusal): return .refused(refusal)
        }
    }

    /// Tells a waiter what the table has decided, after the store where there is one. On the waiter's loop.
    func conclude(_ decision: AdmissionDecision, for ticket: WaitTicket) {
        guard let shared, case .admitted(let reading) = decision else { return ticket.tell(decision) }
        switch confirm(reading, for: ticket, by: shared, hasWaited: true, now: ticket.loop.now.uptimeNanoseconds) {
        case .admitted(let reading): ticket.tell(.admitted(reading))
        case .refused(let refusal): ticket.tell(.refused(refusal))
        case .waiting: break
        }
    }

    /// On the waiter's loop.
    func storeAnswered(_ answer: SharedLimitAnswer, to question: StoreQuestion, askedAt: UInt64, now: UInt64) {
        let ticket = question.ticket
        let verdict = table.settle(
            answer, for: ticket.request, under: question.shared, sentAt: askedAt, now: now, hasWaited: question.hasWaited)
        switch verdict {
        case .admitted(let reading, let wait):
            guard ticket.isWanted else { return giveBack(ticket.request) }
            guard wait > 0 else { return ticket.tell(.admitted(reading)) }
            ticket.holdTurn(
                until: ticket.loop.scheduleTask(deadline: .uptimeNanoseconds(now &+ wait)) { ticket.tell(.admitted(reading)) })
        case .refused(let refusal): if ticket.isWanted { ticket.tell(.refused(refusal)) }
        case .mustWait:
            guard ticket.isWanted else { return }
            ticket.isQueued = true
            queue(ticket)
        }
    }

    /// The store has not answered in time or at all. On the waiter's loop.
    func storeFailed(_ question: StoreQuestion, now: UInt64) {
        let ticket = question.ticket
        guard ticket.isWanted, let shared else { return table.giveBack(ticket.request) }
        switch withoutStore(ticket.request, table.reading(for: ticket.request, now: now), shared) {
        case .admitted(let reading): ticket.tell(.admitted(reading))
        case .refused(let refusal): ticket.tell(.refused(refusal))
        }
    }

    private func withoutStore(_ request: AdmissionRequest, _ reading: LimitReading, _ shared: SharedLimits) -> AdmissionDecision {
        shared.store.counters.decidesAlone()
        switch shared.store.settings.onStoreFailure {
        case .local: return .admitted(reading)
        case .deny:
            table.giveBack(request)
            return .refused(table.storeRefusal(for: request))
        }
    }

    /// On the home loop.
    func giveBackShared(_ request: AdmissionRequest) {
        guard let shared, let homeLink, shared.plan.keyCount(request) > 0 else { return }
        homeLink.giveBack(StoreGiveBack(request: request, table: table, shared: shared.plan), now: Clock.monotonicNanoseconds())
    }
}

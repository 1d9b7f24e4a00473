import Digests
import GatewayCore

/// `POST /freeze`, `/thaw` and `/quit`: what only the operator of this machine may do.
extension AdminSource {
    static let commands = ["/freeze", "/thaw", "/quit"]

    func command(_ request: AdminRequest) async -> AdminAnswer {
        guard request.method == "POST" else { return AdminAnswer(status: 405, body: "Send POST.\n", fields: [("Allow", "POST")]) }
        let gate = AdminGate(tokenDigest: await state.runtime.settings.admin?.tokenDigest)
        do throws(DigestError) {
            if let denial = try gate.denial(request.evidence) {
                let challenge = denial.status == 401 ? [("WWW-Authenticate", "Bearer realm=\"countersign admin\"")] : []
                return AdminAnswer(status: denial.status, body: denial.text + "\n", fields: challenge)
            }
        } catch {
            return AdminAnswer(status: 500, body: "libcrypto failed, so the token cannot be checked.\n")
        }
        if request.isTooLarge { return AdminAnswer(status: 413, body: "Send less: a reason and a name.\n") }
        let reason = request.query["reason"] ?? "no reason given"
        let by = request.query["by"] ?? "an operator"
        if Freeze.namesPhoneNumber(reason) || Freeze.namesPhoneNumber(by) {
            return AdminAnswer(
                status: 400,
                body: "The reason seems to name a phone number, and callers and logs are told it: describe it in other words.\n")
        }
        let source = request.evidence.peer.map { String(decoding: $0.source, as: UTF8.self) } ?? ""
        let command = Freeze(sinceMilliseconds: Clock.wallMilliseconds(), by: by, source: source, reason: reason)
        switch request.path {
        case "/freeze": return Self.answer(await control.freeze(command))
        case "/thaw": return Self.answer(await control.thaw(command))
        default:
            await control.note(action: "quit", command)
            return AdminAnswer(status: 202, body: "Quitting, as by SIGTERM.\n", endsProcess: true)
        }
    }

    private static func answer(_ outcome: FreezeOutcome) -> AdminAnswer {
        switch outcome {
        case .frozen(let freeze, let underWay): frozen("frozen", freeze, underWay)
        case .alreadyFrozen(let freeze, let underWay): frozen("frozen already", freeze, underWay)
        case .frozenButNotKept(let freeze, let problem):
            AdminAnswer(
                status: 500, body: "frozen: \(freeze.sentence)\nBut a restart would forget it: \(problem). Mend that and freeze again.\n")
        case .thawed(let freeze):
            AdminAnswer(body: "thawed: it was frozen since \(RFC3339.string(milliseconds: freeze.sinceMilliseconds))\n")
        case .notFrozen: AdminAnswer(body: "not frozen: nothing was done\n")
        case .notThawed(let problem): AdminAnswer(status: 503, body: "still frozen: \(problem)\n")
        }
    }

    private static func frozen(_ word: String, _ freeze: Freeze, _ underWay: Int) -> AdminAnswer {
        var text = "\(word): \(freeze.sentence)\n"
        if underWay > 0 { text += "\(underWay) had been sent before and are not answered yet.\n" }
        return AdminAnswer(body: text)
    }
}

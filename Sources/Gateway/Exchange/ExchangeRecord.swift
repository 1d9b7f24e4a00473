import GatewayCore

/// What an exchange has learnt that its audit records must say.
struct ExchangeRecord {
    var caller: IdentifiedRequest?
    var route: Int?
    var matched: MatchedRequest?
    var accessKeyID: [UInt8] = []
    var attempts = 0
    var state: AuditState?
    /// What the caller was answered; 0 where nothing was.
    var status = 0
    var origin: AuditOrigin?
    var errorType: [UInt8] = []
    var reason = ""
    /// What the policy would have refused it for, where it is only reported.
    var wouldRefuse = ""
    var upstreamRequestID: [UInt8] = []
    var waitNanoseconds: UInt64 = 0

    /// The record of a stage. A refusal that came before the id was found lawful names the route's template, never what was sent.
    func entry(_ stage: AuditStage, of exchange: Exchange, head: RequestHead?) -> AuditEntry {
        var entry = AuditEntry(stage: stage, timeMilliseconds: Clock.wallMilliseconds(), id: exchange.id[...])
        let runtime = exchange.runtime
        // On a 401 of ours there is no caller, also where a reported policy would have let it through elsewhere.
        if let caller, caller.proof != nil || stage != .refusal || status != 401 { entry.caller = runtime.auditCaller(caller) }
        entry.source = exchange.peer.source
        if let head { entry.method = head.fields[head.method] }
        if let route {
            entry.operation = runtime.auditOperations[route]
            entry.target = runtime.routes.routes[route].templateBytes[...]
        }
        if let matched {
            entry.target = matched.wirePath[...]
            if let first = matched.parameters.first { entry.subject = first[...] }
            if matched.parameters.count > 1 { entry.furtherSubjects = matched.parameters.dropFirst().map { $0[...] } }
        }
        entry.accessKeyID = accessKeyID
        entry.configuration = runtime.auditConfiguration
        entry.reason = Array(reason.utf8)
        if !wouldRefuse.isEmpty { entry.wouldRefuse = Array(wouldRefuse.utf8) }
        entry.waitMilliseconds = Int64(waitNanoseconds / 1_000_000)
        guard stage != .intent else { return entry }
        entry.state = state
        entry.status = status
        entry.origin = origin
        entry.errorType = errorType[...]
        entry.upstreamRequestID = upstreamRequestID[...]
        entry.attempts = attempts
        entry.durationMicroseconds = Int64((Clock.monotonicNanoseconds() &- exchange.start) / 1000)
        return entry
    }
}

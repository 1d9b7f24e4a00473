import GatewayCore

/// What `countersign check` prints: the effective configuration in words, defaults filled in, without any secret.
public enum SettingsSummary {
    /// The whole text, ending with a newline.
    public static func text(_ settings: Settings) -> String {
        var lines: [String] = []
        func section(_ title: String, _ entries: [String]) {
            lines.append(title)
            lines += entries.map { "  " + $0 }
        }
        section("Listeners", settings.listeners.flatMap(listener))
        section("Admin", settings.admin.map { admin($0, freezePath: settings.freezePath) } ?? ["none"])
        section("Upstreams", settings.upstreams.flatMap { upstream($0, settings.credentials[$0.credentials]) })
        section("Callers", callers(settings))
        section("Routes", settings.routes.flatMap { route($0, settings) })
        section("Audit", audit(settings.audit))
        section("Drain", [drain(settings.drain)])
        section("Configuration", [configuration(settings)])
        if let store = settings.limitStore { section("Limit store", [limitStore(store)]) }
        let notes = notes(settings)
        if !notes.isEmpty { section("Notes", notes) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `10 per second, bursts of 20, shared by all callers of chime; waits up to 250 ms`
    public static func words(_ limit: LimitRule, route: RouteRule) -> String {
        var text = "\(RateText.words(limit.rate)), "
        text += limit.burst == 1 ? "one at a time, " : "bursts of \(limit.burst), "
        let sharing =
            switch limit.scope {
            case .upstream: "shared by all callers of \(route.upstream)"
            case .route: "shared by all callers of \(route.operation)"
            case .caller: "for each caller"
            case .callerAndRoute: "for each caller of \(route.operation)"
            }
        text += sharing
        if limit.maxWaitNanoseconds > 0 { text += "; waits up to \(time(limit.maxWaitNanoseconds))" }
        if limit.isAdaptive { text += "; slows down when \(route.upstream) throttles" }
        return text
    }

    private static func configuration(_ settings: Settings) -> String {
        let taking = settings.watchesFiles ? "changed files are taken by themselves, and on SIGHUP" : "changed files are taken on SIGHUP"
        return settings.digest.isEmpty ? taking : "\(settings.digest)  \(taking)"
    }

    private static func time(_ nanoseconds: UInt64) -> String { DurationText.write(nanoseconds, separator: " ") }

    private static func listener(_ listener: ListenerSettings) -> [String] {
        var kind = "plain HTTP"
        if let tls = listener.tls {
            kind = "TLS with \(tls.identity.certificate)"
            if !tls.additionalIdentities.isEmpty { kind += " and \(tls.additionalIdentities.count) more by server name" }
            if let clientCA = tls.clientCA { kind += ", client certificate \(tls.clientCertificate.rawValue) (\(clientCA))" }
            if let crlFile = tls.crlFile { kind += ", revoked ones in \(crlFile)" }
        } else if !listener.bind.isLocal {
            kind += " to other machines, without encryption"
        }
        if listener.reusesPort { kind += ", shared with a successor" }
        if case .unix = listener.bind { kind += ", mode 0\(String(listener.unixMode, radix: 8))" }
        let timeouts = listener.timeouts
        let limits = listener.limits
        let connections = limits.connectionsPerAddress.map { ", \($0) from one address" } ?? ""
        return [
            "\(listener.bind)  \(kind)",
            "  head within \(time(timeouts.headNanoseconds)), body within \(time(timeouts.bodyNanoseconds)), "
                + "closed after \(time(timeouts.idleNanoseconds)) idle",
            "  start line \(limits.startLineBytes) bytes, \(limits.fieldCount) fields, head \(limits.headBytes) bytes, "
                + "body \(limits.bodyBytes) bytes, \(limits.connections) connections\(connections)",
        ]
    }

    private static func admin(_ admin: AdminSettings, freezePath: String?) -> [String] {
        guard admin.tokenDigest != nil else { return ["\(admin.bind)"] }
        let place = freezePath.map { "; a freeze is kept in \($0)" } ?? ""
        return ["\(admin.bind)", "  freeze, thaw and quit with a token\(place)"]
    }

    private static func upstream(_ upstream: UpstreamSettings, _ credentials: CredentialSettings?) -> [String] {
        var lines = [
            "\(upstream.name)  \(upstream.url)",
            "  signed for \(upstream.service) in \(upstream.region) with credentials \(upstream.credentials)"
                + (credentials.map { " (\(words($0.source)))" } ?? ""),
            "  connects within \(time(upstream.connectTimeoutNanoseconds)), answers within \(time(upstream.responseTimeoutNanoseconds)), "
                + "at most \(upstream.maxConnections) connections, closed after \(time(upstream.idleTimeoutNanoseconds)) idle",
        ]
        if upstream.mayUseHTTP2 {
            lines.append(
                "  HTTP/2 \(upstream.http2 == .required ? "only" : "where it is offered"), pinged after "
                    + "\(time(upstream.pingIntervalNanoseconds)) of silence, answering within \(time(upstream.pingTimeoutNanoseconds))")
        }
        if let maxInFlight = upstream.maxInFlight { lines.append("  at most \(maxInFlight) requests at once") }
        if upstream.usesTLS { lines.append("  trusts \(upstream.caFile ?? "the system's certificate authorities")") }
        return lines
    }

    /// Four characters tell keys apart and say long-term (AKIA) from temporary (ASIA); the rest stays out of terminals.
    private static func words(_ source: CredentialSettings.Source) -> String {
        switch source {
        case .fixed(let accessKeyID, _, let token): "static, key \(accessKeyID.prefix(4))...\(token == nil ? "" : ", with session token")"
        case .environment: "from the environment"
        case .profile(let profile): "profile \(profile.name ?? "as AWS_PROFILE says, else default")"
        case .container(let container): "of the container\(container.uri.map { ", from \($0)" } ?? "")"
        case .webIdentity(let identity): "\(identity.role.roleARN), for the token in \(identity.tokenFile)"
        case .instanceMetadata(let service): "of the instance\(service.role.map { ", role \($0)" } ?? "")"
        case .assumeRole(let role): "\(role.role.roleARN), taken on with \(role.source)"
        case .chain: "the first of environment, web identity, profile, container and instance that is configured"
        }
    }

    private static func callers(_ settings: Settings) -> [String] {
        guard let callers = settings.callers else { return ["local  this machine (loopback and unix sockets); nobody else is served"] }
        return callers.map { caller in
            var proofs: [String] = []
            if !caller.networks.isEmpty { proofs.append("from " + caller.networks.map(\.description).joined(separator: ", ")) }
            if let uid = caller.unixUserID { proofs.append("unix uid \(uid)") }
            if let gid = caller.unixGroupID { proofs.append("unix gid \(gid)") }
            if caller.tokenDigest != nil { proofs.append("token") }
            if let identity = caller.spiffeID { proofs.append(identity) }
            if let name = caller.dnsName { proofs.append("certificate with DNS name \(name)") }
            if let subject = caller.subject { proofs.append("certificate of \(subject)") }
            let together = caller.allOf.map(words).joined(separator: ", together with ")
            return "\(caller.name)  \(together)\(proofs.joined(separator: ", or "))"
        }
    }

    private static func words(_ proof: RequiredProof) -> String {
        switch proof {
        case .spiffeID(let id): id
        case .dnsName(let name): "certificate with DNS name \(name)"
        case .subject(let subject): "certificate of \(subject)"
        case .token: "token"
        case .unixUser(let id): "unix uid \(id)"
        case .unixGroup(let id): "unix gid \(id)"
        case .networks(let networks): "from " + networks.map(\.description).joined(separator: ", ")
        }
    }

    /// Prefixes are shown, for they are no numbers; those are counted.
    private static func words(_ conditions: ParameterRule) -> String {
        let prefix = conditions.allowPrefix.isEmpty ? nil : "beginning with \(conditions.allowPrefix.joined(separator: " or "))"
        let denied = conditions.deny.isEmpty ? nil : "\(conditions.deny.count) denied"
        return "\(conditions.name) " + [prefix, denied].compactMap { $0 }.joined(separator: ", ")
    }

    private static func route(_ route: RouteRule, _ settings: Settings) -> [String] {
        var lines = ["\(route.method) \(route.template)  \(route.operation) at \(route.upstream)"]
        for parameter in route.parameters {
            let form = parameter.format == .e164 ? "an E.164 number" : "anything but blank"
            let deny = parameter.deny.isEmpty ? "" : ", \(parameter.deny.count) protected"
            let prefix = parameter.allowPrefix.isEmpty ? "" : " beginning with \(parameter.allowPrefix.joined(separator: " or "))"
            lines.append("  \(parameter.name): \(form)\(prefix)\(deny)")
        }
        if route.allowsQuery || route.allowsBody {
            lines.append(
                "  takes "
                    + [route.allowsQuery ? "a query" : nil, route.allowsBody ? "a body" : nil].compactMap { $0 }.joined(separator: " and "))
        }
        lines.append("  callers: " + (route.callers?.joined(separator: ", ") ?? "all that are known"))
        for caller in route.callerConditions {
            lines.append("    \(caller.name): \(caller.parameters.map { words($0) }.joined(separator: "; "))")
        }
        if route.mode == .report { lines.append("  policy: reported only; what it forbids goes through, and its record says so") }
        if route.limits.isEmpty { lines.append("  limits: none") }
        for name in route.limits {
            guard let limit = settings.limits.first(where: { $0.name == name }) else { continue }
            lines.append("  limit \(name): \(words(limit, route: route))")
        }
        if route.throttleStyle == .retryable { lines.append("  throttled callers see ThrottlingException, which SDKs retry") }
        return lines
    }

    private static func audit(_ audit: AuditRule?) -> [String] {
        guard let audit else { return ["none: no record is kept of what is deleted"] }
        let sync =
            switch audit.sync {
            case .always: "on disk before a request leaves"
            case .interval: "synced to disk every second"
            case .never: "synced to disk when the system does"
            }
        let subject =
            switch audit.subject {
            case .plain: "phone numbers in full"
            case .pseudonym: "phone numbers as pseudonyms"
            case .last4: "the last four digits of phone numbers"
            }
        return ["\(audit.path)  \(sync), \(subject)"] + files(audit) + audit.ship.map { "  shipped to \(words($0))" }
    }

    private static func words(_ destination: ShipDestination) -> String {
        var form = "RFC 5424, facility \(destination.facility.rawValue), name \(destination.appName)"
        switch destination.place {
        case .standardOutput: return "stdout as JSON lines"
        case .tcp: form += ", without encryption"
        case .tls(_, _, let files):
            form += ", trusts \(files.caFile ?? "the system's certificate authorities")"
            if let certificate = files.certificate { form += ", shows \(certificate)" }
        case .unix: break
        }
        return "\(destination)  \(form)"
    }

    /// What becomes of the trail besides the one file.
    private static func files(_ audit: AuditRule) -> [String] {
        var lines: [String] = []
        if let mirror = audit.mirrorPath { lines.append("  and in \(mirror), else refused") }
        if let rotation = audit.rotation {
            let size = rotation.byteLimit.map { "at \(SizeText.write($0, separator: " "))" }
            let age = rotation.ageMilliseconds.map { "after \(time($0 * 1_000_000))" }
            let kept = rotation.keptFileCount.map { "the newest \($0) old files are kept" } ?? "all old files are kept"
            let when = [size, age].compactMap { $0 }.joined(separator: " or ")
            lines.append("  rotated \(when), \(kept)\(rotation.compresses ? ", compressed" : "")")
        }
        if let checkpoint = audit.checkpoint {
            let count = checkpoint.recordCount == 1 ? "record" : "\(checkpoint.recordCount) records"
            let interval = time(checkpoint.intervalMilliseconds * 1_000_000)
            lines.append("  signed every \(count) or \(interval) with \(checkpoint.algorithm.rawValue)")
        }
        return lines
    }

    private static func drain(_ drain: DrainSettings) -> String {
        "accepts for \(time(drain.delayNanoseconds)) after SIGTERM, then finishes within \(time(drain.timeoutNanoseconds))"
    }

    private static func limitStore(_ store: LimitStoreSettings) -> String {
        let authority = store.host.contains(":") ? "[\(store.host)]:\(store.port)" : "\(store.host):\(store.port)"
        let failure = store.onStoreFailure == .local ? "each gateway limits alone" : "requests are refused"
        return "\(store.usesTLS ? "rediss" : "redis")://\(authority)/\(store.database)  keys \(store.keyPrefix)*, "
            + "answers within \(time(store.timeoutNanoseconds)), else \(failure)"
    }

    /// What is lawful and yet probably not meant.
    private static func notes(_ settings: Settings) -> [String] {
        var notes: [String] = []
        for caller in settings.callers ?? [] {
            let needsUnix =
                caller.unixUserID != nil || caller.unixGroupID != nil
                || caller.allOf.contains { $0.proof == .unixUser || $0.proof == .unixGroup }
            let needsCertificate =
                caller.spiffeID != nil || caller.dnsName != nil || caller.subject != nil
                || caller.allOf.contains { [.certificate, .dnsName, .subject].contains($0.proof) }
            let hasOther = !caller.networks.isEmpty || caller.tokenDigest != nil
            let hasUnix = settings.listeners.contains { if case .unix = $0.bind { true } else { false } }
            let hasClientCA = settings.listeners.contains { $0.tls?.clientCA != nil }
            let canNever =
                caller.allOf.isEmpty
                ? !hasOther && !(needsUnix && hasUnix) && !(needsCertificate && hasClientCA)
                : needsUnix && !hasUnix || needsCertificate && !hasClientCA
            if canNever {
                let wanted = needsUnix && !hasUnix ? "a unix socket" : "\"clientCA\""
                notes.append("caller \(caller.name) can never prove itself: no listener has \(wanted)")
            }
        }
        if settings.audit == nil, settings.routes.contains(where: { $0.mode == .report }) {
            notes.append("a policy is only reported, and without \"audit\" no record says what it would have refused")
        }
        let used = Set(settings.routes.flatMap(\.limits))
        notes += settings.limits.filter { !used.contains($0.name) }.map { "limit \($0.name) is used by no route" }
        notes += settings.routes.filter(\.limits.isEmpty).map {
            "\($0.operation) has no limit: one caller can use the account's whole quota"
        }
        if let admin = settings.admin, !admin.bind.isLocal { notes.append("the admin listener can be reached from other machines") }
        return notes
    }
}

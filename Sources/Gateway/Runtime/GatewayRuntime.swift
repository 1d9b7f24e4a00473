import GatewayConfig
import GatewayCore
import Wire

/// A configuration made ready for work: tables compiled, certificates loaded, records' constant parts prepared. Immutable and shared by all
/// event loops; a reload makes a new one and the loops take it between two requests.
final class GatewayRuntime: Sendable {
    let settings: Settings
    let callers: CallerTable
    let routes: RouteTable
    let authorizer: Authorizer
    let upstreams: [UpstreamTarget]
    /// In the order of the routes.
    let operationNames: [String]
    private let upstreamOfRoute: [Int]
    let auditOperations: [AuditOperation]
    /// The member of every record that names this configuration.
    let auditConfiguration: [UInt8]
    /// For each caller, for each kind of proof.
    private let auditCallers: [[AuditCaller]]
    let limiter: Limiter
    let throttles: ThrottleAnswers
    let trail: AuditTrail?
    /// By name.
    let credentials: [String: CredentialKeeper]
    /// TLS of each listener, in the order of the settings; nil for plain ones.
    let listenerTLS: [TLSServerContext?]

    /// Builds everything that can fail before the first request is served.
    ///
    /// - Parameters:
    ///   - previous: what is running now; its limits' levels and unchanged upstreams' sessions carry over.
    ///   - trail: the audit trail, opened by the process; nil where none is configured.
    /// - Throws: `StartError` with a sentence for the operator.
    init(
        settings: Settings, previous: GatewayRuntime?, trail: AuditTrail?, credentials: [String: CredentialKeeper], limiter: Limiter,
        throttles: ThrottleAnswers
    ) throws(StartError) {
        self.settings = settings
        self.credentials = credentials
        self.trail = trail
        self.limiter = limiter
        self.throttles = throttles
        let callers = CallerTable(rules: settings.callers, reportsUnknown: settings.reportsUnknownCallers)
        let routes = RouteTable(rules: settings.routes)
        self.callers = callers
        self.routes = routes
        authorizer = Authorizer(routes: routes, callers: callers)
        let targets = try settings.upstreams.enumerated().map { index, upstream throws(StartError) in
            try Self.target(index, upstream, credentials, inheriting: previous?.upstreams.first { $0.settings.name == upstream.name })
        }
        upstreams = targets
        operationNames = settings.routes.map(\.operation)
        auditConfiguration = AuditEntry.configurationMember(settings.digest)
        upstreamOfRoute = settings.routes.map { route in targets.firstIndex { $0.settings.name == route.upstream } ?? 0 }
        auditOperations = settings.routes.enumerated().map { index, rule in
            AuditOperation(
                name: rule.operation, template: rule.template, parameters: routes.routes[index].parameters.map(\.name),
                upstream: rule.upstream,
                region: settings.upstreams.first { $0.name == rule.upstream }?.region ?? "", limits: rule.limits)
        }
        auditCallers = callers.names.enumerated().map { index, name in
            CallerProof.allCases.map { AuditCaller(name: name, proof: callers.words(for: $0, of: index)) }
        }
        var contexts: [TLSServerContext?] = []
        var mistakes: [String] = []
        for listener in settings.listeners {
            do { contexts.append(try Self.serverContext(listener)) } catch { mistakes.append(error.description) }
        }
        guard mistakes.isEmpty else { throw StartError(mistakes.joined(separator: "\n")) }
        listenerTLS = contexts
    }

    /// Whether an upstream signs with them; others are only sources of roles.
    func usesCredentials(_ name: String) -> Bool { upstreams.contains { $0.settings.credentials == name } }

    /// Has these credentials judged by the time of the upstreams that sign with them here.
    func giveClocks(to keepers: some Sequence<CredentialKeeper>) {
        for keeper in keepers { keeper.follow(upstreams.filter { $0.credentials === keeper }.map(\.clock)) }
    }

    /// Those that upstreams sign with, by name.
    var usedCredentials: [CredentialKeeper] {
        credentials.values.filter { usesCredentials($0.settings.name) }.sorted { $0.settings.name < $1.settings.name }
    }

    func target(for authorized: AuthorizedRequest) -> UpstreamTarget { upstreams[upstreamOfRoute[authorized.matched.route]] }

    /// What this configuration says of a listener that was opened under another one: found by its address, at its old place if it is still there.
    ///
    /// nil where it says nothing, or where TLS came or went: that takes a new start, so that no address ever turns plain under its callers.
    func listener(_ opened: ListenerSettings, at position: Int) -> (settings: ListenerSettings, tls: TLSServerContext?)? {
        func isSame(_ other: ListenerSettings) -> Bool { other.bind == opened.bind && (other.tls == nil) == (opened.tls == nil) }
        let listeners = settings.listeners
        let index = position < listeners.count && isSame(listeners[position]) ? position : listeners.firstIndex(where: isSame)
        return index.map { (listeners[$0], listenerTLS[$0]) }
    }

    func auditCaller(_ identified: IdentifiedRequest) -> AuditCaller {
        guard let proof = identified.proof else { return Self.unrecognised }
        return auditCallers[identified.caller][CallerProof.allCases.firstIndex(of: proof) ?? 0]
    }

    private static let unrecognised = AuditCaller(name: CallerTable.unrecognised, proof: "none")

    private static func target(
        _ index: Int, _ upstream: UpstreamSettings, _ credentials: [String: CredentialKeeper], inheriting previous: UpstreamTarget?
    )
        throws(StartError) -> UpstreamTarget
    {
        guard let keeper = credentials[upstream.credentials] else {
            throw StartError("upstreams.\(upstream.name): the credentials '\(upstream.credentials)' do not exist")
        }
        let tls = try clientContext(upstream)
        let isSamePlace = previous?.settings.url == upstream.url
        return UpstreamTarget(
            index: index, settings: upstream, credentials: keeper, tls: tls, inFlight: previous?.inFlight,
            clock: isSamePlace ? previous?.clock : nil, lastFailure: isSamePlace ? previous?.lastFailure : nil)
    }
}

/// Why the gateway cannot start or cannot take a new configuration: one sentence for the operator, without secrets.
public struct StartError: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// sysexits: 78 for a configuration that cannot work, 69 for an address or a service that cannot be had.
    public let exitCode: Int32

    init(_ description: String, exitCode: Int32 = 78) {
        self.description = description
        self.exitCode = exitCode
    }
}

extension GatewayRuntime {
    /// The TLS side of an upstream: its authorities loaded; nil for one in clear text.
    static func clientContext(_ upstream: UpstreamSettings) throws(StartError) -> TLSClientContext? {
        guard upstream.usesTLS else { return nil }
        do {
            return try TLSClientContext(
                TLSClientOptions(
                    trust: upstream.caFile.map { .only(.file($0)) } ?? .system,
                    applicationProtocols: UpstreamProtocol.offered(upstream.http2)))
        } catch {
            throw StartError("upstreams.\(upstream.name): \(error.sentence)")
        }
    }

    /// The TLS side of a listener: certificates, client authorities and protocols, loaded and checked against each other.
    static func serverContext(_ listener: ListenerSettings) throws(StartError) -> TLSServerContext? {
        guard let tls = listener.tls else { return nil }
        let identities = [tls.identity] + tls.additionalIdentities
        let certificates = identities.map {
            TLSCertificateKey(certificate: .file($0.certificate), privateKey: .file($0.privateKey))
        }
        var authentication = TLSServerOptions.ClientAuthentication.none
        if let clientCA = tls.clientCA {
            let trust = TLSServerOptions.ClientTrust(authorities: .file(clientCA), revocationLists: tls.crlFile.map { .file($0) })
            authentication = tls.clientCertificate == .required ? .required(trust) : .optional(trust)
        }
        do {
            let context = try TLSServerContext(
                TLSServerOptions(
                    certificates: certificates, applicationProtocols: ["h2", "http/1.1"], clientAuthentication: authentication))
            if case .required = authentication { try context.verifyRefusalOfAnonymousClients() }
            return context
        } catch {
            throw StartError("listeners \(listener.bind): \(error.sentence)")
        }
    }
}

extension GatewayRuntime {
    /// The certificates of all listeners, for `/metrics` and `/status`.
    var certificates: [CertificateSnapshot] {
        zip(settings.listeners, listenerTLS).flatMap { listener, context -> [CertificateSnapshot] in
            guard let tls = listener.tls, let context else { return [] }
            return zip([tls.identity] + tls.additionalIdentities, context.expirySeconds).map {
                CertificateSnapshot(listener: "\(listener.bind)", file: $0.certificate, expirySeconds: $1)
            }
        }
    }
}

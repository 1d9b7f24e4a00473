import GatewayConfig
import GatewayCore
import Wire

/// One upstream of the configuration, prepared: what a pool needs to reach it and a signer to sign for it. The only places ever contacted.
final class UpstreamTarget: Sendable {
    let index: Int
    let settings: UpstreamSettings
    /// The `Host` field's value.
    let authority: [UInt8]
    let credentials: CredentialKeeper
    /// nil for `http://`.
    let tls: TLSClientContext?
    /// What `maxInFlight` bounds.
    let inFlight: InFlightCount
    let clock: UpstreamClock
    let lastFailure: LastFailure

    /// - Parameters:
    ///   - inFlight: that of the upstream of the same name in the configuration before.
    ///   - clock: that of the upstream of the same name and address in the configuration before; `lastFailure` likewise.
    init(
        index: Int, settings: UpstreamSettings, credentials: CredentialKeeper, tls: TLSClientContext?, inFlight: InFlightCount?,
        clock: UpstreamClock? = nil, lastFailure: LastFailure? = nil
    ) {
        self.index = index
        self.settings = settings
        authority = Array(settings.authority.utf8)
        self.credentials = credentials
        self.tls = tls
        self.inFlight = inFlight ?? InFlightCount()
        self.clock = clock ?? UpstreamClock()
        self.lastFailure = lastFailure ?? LastFailure()
    }
}

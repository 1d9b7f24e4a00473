import GatewayCore

/// `countersign_credentials_*`: documented with the other metrics. No label holds a key.
enum CredentialMetrics {
    static func write(_ all: [CredentialKeeper.Status], to text: inout MetricsWriter) {
        text.family("countersign_credentials_usable", "gauge", "1 while there are credentials that have not expired.")
        for one in all { text.sample([("credentials", one.name)], one.isUsable ? 1 : 0) }
        text.family("countersign_credentials_expiry_timestamp_seconds", "gauge", "When temporary credentials end, seconds since 1970.")
        for one in all {
            guard let expiresAt = one.expiresAt else { continue }
            text.sample([("credentials", one.name)], UInt64(max(0, expiresAt / 1000)))
        }
        text.family("countersign_credentials_fetches_total", "counter", "Fetches of credentials, by result.")
        for one in all {
            text.sample([("credentials", one.name), ("result", "ok")], one.fetches)
            text.sample([("credentials", one.name), ("result", "failed")], one.failures)
        }
    }
}

/// Credentials in `/status`.
struct CredentialText: Encodable {
    private var name: String
    private var type: String
    private var usable: Bool
    private var expires: String?
    private var problem: String?
    private var fetches: UInt64
    private var failures: UInt64

    init(_ status: CredentialKeeper.Status) {
        name = status.name
        type = status.kind
        usable = status.isUsable
        expires = status.expiresAt.map(RFC3339.string)
        problem = status.problem
        fetches = status.fetches
        failures = status.failures
    }
}

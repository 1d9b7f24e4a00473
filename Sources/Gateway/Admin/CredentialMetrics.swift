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

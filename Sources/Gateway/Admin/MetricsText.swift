import GatewayCore

/// The snapshot in the Prometheus text format, version 0.0.4. Names and labels are documented in `Gateway.docc/Metrics.md`; no label ever holds a phone number.
enum MetricsText {
    static func render(_ snapshot: AdminSnapshot) -> String {
        var text = MetricsWriter()
        let counters = snapshot.counters
        text.family("countersign_answers_total", "counter", "Answers to callers, by who spoke and status class.")
        for (origin, counts) in [("upstream", counters.upstreamAnswers), ("gateway", counters.gatewayAnswers)] {
            for status in 1...5 { text.sample([("origin", origin), ("status", "\(status)xx")], counts[status]) }
        }
        text.family("countersign_refusals_total", "counter", "Answers of the gateway itself, by countersign-reason.")
        for (reason, count) in counters.refusals.sorted(by: { $0.key < $1.key }) { text.sample([("reason", reason)], count) }
        text.family(
            "countersign_would_refuse_total", "counter", "Requests let through that a reported policy would have refused, by reason.")
        // All of them from the start, so that the first one is an increase.
        for reason in Authorizer.reportedReasons { text.sample([("reason", reason)], counters.reported[reason] ?? 0) }
        text.family("countersign_upstream_throttles_total", "counter", "Throttles that upstreams answered, retried ones included.")
        text.sample([], counters.upstreamThrottles)
        RequestMetrics.write(snapshot, to: &text)
        text.family("countersign_connections", "gauge", "Open connections of callers.")
        text.sample([], UInt64(snapshot.connections))
        text.family("countersign_exchanges", "gauge", "Requests under way.")
        text.sample([], UInt64(max(0, snapshot.exchanges)))
        text.family("countersign_upstream_connections", "gauge", "Open connections to upstreams, by state.")
        for pool in snapshot.pools {
            text.sample([("upstream", pool.upstream), ("state", "idle")], UInt64(max(0, pool.idle)))
            text.sample([("upstream", pool.upstream), ("state", "busy")], UInt64(max(0, pool.open - pool.idle)))
        }
        text.family("countersign_upstream_http2_connections", "gauge", "Open connections to upstreams that speak HTTP/2.")
        for pool in snapshot.pools { text.sample([("upstream", pool.upstream)], UInt64(max(0, pool.http2))) }
        text.family("countersign_upstream_http2_streams", "gauge", "Requests under way on HTTP/2 connections to upstreams.")
        for pool in snapshot.pools { text.sample([("upstream", pool.upstream)], UInt64(max(0, pool.streams))) }
        text.family("countersign_upstream_waiting", "gauge", "Requests that wait for a connection to an upstream.")
        for pool in snapshot.pools { text.sample([("upstream", pool.upstream)], UInt64(max(0, pool.waiting))) }
        text.family("countersign_clock_skew_seconds", "gauge", "How far an upstream's clock is ahead of this machine's, once it is known.")
        for pool in snapshot.pools {
            if let skew = pool.clockSkewSeconds { text.sample([("upstream", pool.upstream)], number: skew) }
        }
        text.family("countersign_clock_signed_again_total", "counter", "Requests signed again because an upstream refused the time.")
        for pool in snapshot.pools { text.sample([("upstream", pool.upstream)], pool.signedAgain) }
        LimitMetrics.write(snapshot.limits, to: &text)
        if let store = snapshot.store { LimitStoreMetrics.write(store, to: &text) }
        if let audit = snapshot.audit { write(audit, to: &text) }
        ShipMetrics.write(snapshot.shipping, to: &text)
        CredentialMetrics.write(snapshot.credentials, to: &text)
        text.family("countersign_ready", "gauge", "1 when /ready answers 200.")
        text.sample([], snapshot.reasonsNotReady.isEmpty ? 1 : 0)
        text.family("countersign_frozen", "gauge", "1 while calls that change something are refused by an operator's word.")
        text.sample([], snapshot.freeze == nil ? 0 : 1)
        text.family("countersign_reloads_total", "counter", "Configurations taken since the start.")
        text.sample([], UInt64(snapshot.reloads))
        let configuration = snapshot.configuration
        text.family(
            "countersign_config_reload_failures_total", "counter", "Configurations that were not taken because of mistakes in them.")
        text.sample([], UInt64(max(0, configuration.failures)))
        text.family("countersign_config_last_reload_successful", "gauge", "0 when the last configuration that was read was not taken.")
        text.sample([], configuration.lastFailure == nil ? 1 : 0)
        text.family("countersign_config_taken_time_seconds", "gauge", "When the configuration in force was taken, seconds since 1970.")
        text.sample([], UInt64(max(0, configuration.takenMilliseconds / 1000)))
        text.family("countersign_config_info", "gauge", "Always 1; the configuration in force is a label.")
        text.sample([("hash", configuration.digest)], 1)
        text.family("countersign_start_time_seconds", "gauge", "When the process started, seconds since 1970.")
        text.sample([], UInt64(max(0, snapshot.startedMilliseconds / 1000)))
        text.family("countersign_build_info", "gauge", "Always 1; the version is a label.")
        text.sample([("version", snapshot.version)], 1)
        return text.text
    }

    private static func write(_ audit: AuditSnapshot, to text: inout MetricsWriter) {
        text.family("countersign_audit_writable", "gauge", "1 when audit records can be written.")
        text.sample([], audit.status == .writable ? 1 : 0)
        for (name, help, value) in [
            ("records", "Audit records written.", audit.counters.records),
            ("bytes", "Bytes of audit records written.", audit.counters.bytes),
            ("commits", "Rounds of writing; records divided by commits is the size of a group.", audit.counters.commits),
            ("syncs", "Times that the file was synced to disk.", audit.counters.syncs),
            ("failures", "Rounds of writing that failed.", audit.counters.failures),
            ("dropped_refusals", "Refusal records left out while the trail had no room.", audit.counters.droppedRefusals),
            ("dropped_outcomes", "Outcome records lost because nothing could be written for too long.", audit.counters.droppedOutcomes),
        ] {
            text.family("countersign_audit_\(name)_total", "counter", help)
            text.sample([], value)
        }
        text.family("countersign_audit_backlog_bytes", "gauge", "Bytes of records that wait for the writer.")
        text.sample([], UInt64(max(0, audit.backlogBytes)))
        text.family("countersign_audit_lag_seconds", "gauge", "Age of the oldest audit record that was accepted and is not on disk yet.")
        text.sample([], number: audit.lagSeconds)
        text.family("countersign_audit_owed_records", "gauge", "Records of requests already sent that wait for room on disk.")
        text.sample([], audit.counters.owed)
    }
}

/// Writes families and samples, escaping label values as the format asks.
struct MetricsWriter {
    private(set) var text = ""
    private var name = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        self.name = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    /// - Parameter suffix: of the family's name, for the parts of a histogram.
    mutating func sample(_ labels: [(String, String)], suffix: String = "", _ value: UInt64) {
        sample(labels, suffix: suffix, text: "\(value)")
    }
    mutating func sample(_ labels: [(String, String)], suffix: String = "", number value: Double) {
        sample(labels, suffix: suffix, text: "\(value)")
    }

    private mutating func sample(_ labels: [(String, String)], suffix: String, text value: String) {
        text += name + suffix
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        value.unicodeScalars.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
    }
}

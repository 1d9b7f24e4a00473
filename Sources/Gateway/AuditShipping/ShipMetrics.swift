import GatewayCore

/// The destinations of the audit trail in `/metrics`. The label is a value of the configuration.
enum ShipMetrics {
    static func write(_ destinations: [ShipStatus], to text: inout MetricsWriter) {
        guard !destinations.isEmpty else { return }
        func family(_ name: String, _ type: String, _ help: String, _ value: (ShipStatus) -> UInt64) {
            text.family("countersign_audit_ship_\(name)", type, help)
            for status in destinations { text.sample(labels(status), value(status)) }
        }
        family("up", "gauge", "1 while the destination of audit records is connected.") { $0.isUp ? 1 : 0 }
        family("behind_records", "gauge", "Audit records on disk that the destination has not acknowledged.") { $0.recordsBehind }
        family("behind_bytes", "gauge", "Their size in bytes.") { $0.bytesBehind }
        text.family("countersign_audit_ship_behind_seconds", "gauge", "Age of the oldest of them.")
        for status in destinations { text.sample(labels(status), number: status.secondsBehind) }
        family("records_total", "counter", "Audit records that the destination has acknowledged, those sent again included.") { $0.records }
        family("bytes_total", "counter", "Bytes sent to the destination.") { $0.bytes }
        family("connects_total", "counter", "Connections made to the destination.") { $0.connects }
        family("failures_total", "counter", "Connections that broke or could not be made.") { $0.failures }
        family("gaps_total", "counter", "Places where files of the trail were gone before they were sent.") { $0.gaps }
        family("skipped_total", "counter", "Lines left out: no records, or too large for a datagram.") { $0.skipped }
    }

    private static func labels(_ status: ShipStatus) -> [(String, String)] { [("destination", status.destination)] }
}

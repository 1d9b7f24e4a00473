import GatewayCore

/// Requests, certificates, event loops and the process in `/metrics`.
enum RequestMetrics {
    static func write(_ snapshot: AdminSnapshot, to text: inout MetricsWriter) {
        text.family("countersign_requests_total", "counter", "Answered requests, by route, caller, who spoke and status.")
        for (key, count) in snapshot.requests.sorted(by: { $0.key < $1.key }) {
            text.sample([("route", key.route), ("caller", key.caller), ("origin", key.origin), ("status", key.status)], count)
        }
        text.family(
            "countersign_request_duration_seconds", "histogram", "From the complete head of a request to the end of its answer.")
        for (place, histogram) in snapshot.durations.sorted(by: { $0.key < $1.key }) {
            text.histogram([("route", place.route), ("origin", place.origin)], histogram)
        }
        text.family("countersign_event_loop_delay_seconds", "histogram", "By how much the clock of an event loop ticked late.")
        for (index, histogram) in snapshot.delays.enumerated() { text.histogram([("loop", "\(index)")], histogram) }
        text.family("countersign_upstream_in_flight", "gauge", "Requests under way to an upstream that has a maxInFlight.")
        for upstream in snapshot.inFlight { text.sample([("upstream", upstream.name)], UInt64(max(0, upstream.count))) }
        text.family("countersign_upstream_in_flight_limit", "gauge", "The maxInFlight of an upstream.")
        for upstream in snapshot.inFlight { text.sample([("upstream", upstream.name)], UInt64(max(0, upstream.most))) }
        if !snapshot.certificates.isEmpty {
            text.family(
                "countersign_tls_certificate_expiry_timestamp_seconds", "gauge", "When a listener's certificate ends, seconds since 1970.")
            for certificate in snapshot.certificates {
                text.sample(
                    [("listener", certificate.listener), ("certificate", certificate.file)], number: Double(certificate.expirySeconds))
            }
        }
        write(snapshot.usage, to: &text)
    }

    /// The names that Prometheus' own client libraries give these.
    private static func write(_ usage: ProcessUsage, to text: inout MetricsWriter) {
        text.family("process_cpu_seconds_total", "counter", "Processor time used, seconds.")
        text.sample([], number: usage.cpuSeconds)
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory.", usage.residentBytes),
            ("process_virtual_memory_bytes", "Virtual memory.", usage.virtualBytes),
            ("process_open_fds", "Open file descriptors.", usage.openDescriptors),
            ("process_max_fds", "How many file descriptors may be open.", usage.mostDescriptors),
        ] {
            text.family(name, "gauge", help)
            text.sample([], value)
        }
    }
}

extension MetricsWriter {
    mutating func histogram(_ labels: [(String, String)], _ histogram: Histogram) {
        var count: UInt64 = 0
        for (bound, inClass) in zip(histogram.bounds, histogram.counts) {
            count += inClass
            sample(labels + [("le", "\(Double(bound) / 1e9)")], suffix: "_bucket", count)
        }
        count += histogram.counts.last ?? 0
        sample(labels + [("le", "+Inf")], suffix: "_bucket", count)
        sample(labels, suffix: "_sum", number: Double(histogram.sum) / 1e9)
        sample(labels, suffix: "_count", count)
    }
}

/// A listener's certificate.
struct CertificateSnapshot: Sendable, Equatable {
    var listener: String
    var file: String
    /// Since 1970.
    var expirySeconds: Int64
}

struct InFlightSnapshot: Sendable, Equatable {
    var name: String
    var count: Int
    var most: Int
}

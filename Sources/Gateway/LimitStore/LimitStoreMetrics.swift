/// The store in `/metrics`.
enum LimitStoreMetrics {
    static func write(_ store: StoreSnapshot, to text: inout MetricsWriter) {
        text.family("countersign_limit_store_up", "gauge", "1 when every event loop has its connection to the shared limit store.")
        text.sample([], store.isUp ? 1 : 0)
        text.family("countersign_limit_store_connections", "gauge", "Connections to the store that answer.")
        text.sample([], UInt64(max(0, store.connectionsUp)))
        text.family("countersign_limit_store_failures_total", "counter", "Failures of connections to the store, by cause.")
        for failure in store.failures { text.sample([("cause", failure.cause)], failure.count) }
        text.family(
            "countersign_limit_store_decided_alone_total", "counter",
            "Requests decided without the store: limited by this gateway alone, or refused, as onStoreFailure says.")
        text.sample([], store.decidedAlone)
        text.family("countersign_limit_store_seconds", "histogram", "Time from a question to the store's answer.")
        var count: UInt64 = 0
        for (bound, answers) in zip(StoreCounters.boundsMicroseconds, store.latencyClasses) {
            count += answers
            text.sample([("le", "\(Double(bound) / 1e6)")], suffix: "_bucket", count)
        }
        count += store.latencyClasses.last ?? 0
        text.sample([("le", "+Inf")], suffix: "_bucket", count)
        text.sample([], suffix: "_sum", number: Double(store.latencyNanoseconds) / 1e9)
        text.sample([], suffix: "_count", count)
    }
}

import Foundation

/// The snapshot as one JSON object, for programs.
enum StatusText {
    static func render(_ snapshot: AdminSnapshot) -> String {
        var object: [String: Any] = [
            "version": snapshot.version,
            "started": ISO8601.text(milliseconds: snapshot.startedMilliseconds),
            "uptimeSeconds": max(0, (snapshot.nowMilliseconds - snapshot.startedMilliseconds) / 1000),
            "ready": snapshot.reasonsNotReady.isEmpty,
            "reasons": snapshot.reasonsNotReady,
            "eventLoops": snapshot.loops,
            "reloads": snapshot.reloads,
            "listeners": snapshot.listeners,
            "connections": snapshot.connections,
            "exchanges": snapshot.exchanges,
            "answers": [
                "upstream": classes(snapshot.counters.upstreamAnswers), "gateway": classes(snapshot.counters.gatewayAnswers),
            ],
            "refusals": snapshot.counters.refusals,
            "upstreamThrottles": snapshot.counters.upstreamThrottles,
            "upstreams": snapshot.pools.map { pool in
                [
                    "name": pool.upstream, "url": pool.url, "connections": pool.open, "idle": pool.idle, "waiting": pool.waiting,
                ] as [String: Any]
            },
            "limits": LimitMetrics.objects(snapshot.limits),
        ]
        if let audit = snapshot.audit {
            var member: [String: Any] = [
                "records": audit.counters.records, "bytes": audit.counters.bytes, "commits": audit.counters.commits,
                "syncs": audit.counters.syncs, "failures": audit.counters.failures, "backlogBytes": audit.backlogBytes,
                "owed": audit.counters.owed, "writable": audit.status == .writable,
            ]
            if case .unwritable(let reason) = audit.status { member["reason"] = reason }
            object["audit"] = member
        }
        guard
            let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes])
        else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    private static func classes(_ counts: [UInt64]) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: (1...5).map { ("\($0)xx", counts[$0]) })
    }
}

/// RFC 3339 text of a moment, UTC, whole seconds.
enum ISO8601 {
    static func text(milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
    }
}

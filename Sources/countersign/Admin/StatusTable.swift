import FoundationEssentials
import Gateway

extension StatusDocument {
    init?(_ json: String) {
        guard let document = try? JSONDecoder().decode(StatusDocument.self, from: Data(json.utf8)) else { return nil }
        self = document
    }

    /// For people, in a terminal.
    var table: String {
        var lines = ["countersign \(version), up \(Self.duration(uptimeSeconds)), \(ready ? "ready" : "NOT READY")"]
        lines += reasons.map { "  " + $0 }
        if let frozen { lines.append("  FROZEN since \(frozen.since) by \(frozen.by): \(frozen.reason)") }
        if let failure = configuration.lastFailure, let time = configuration.lastFailureTime {
            lines.append("  CONFIGURATION REFUSED at \(time), the old one stays: \(failure.split(separator: "\n").joined(separator: " "))")
        }
        lines.append("configuration \(configuration.hash), taken \(configuration.taken)")
        lines.append("listening on \(listeners.joined(separator: ", ")); \(connections) connections, \(exchanges) requests under way")
        for (head, rows) in [
            answerTable, refusalTable, routeTable, callerTable, upstreamTable, limitTable, credentialTable, certificateTable, auditTable,
        ] where !rows.isEmpty { lines += [""] + Self.columns(head, rows) }
        if audit == nil { lines += ["", "audit: none"] }
        return lines.map { $0 + "\n" }.joined()
    }

    private typealias Table = (head: [String], rows: [[String]])

    private static let classes = ["2xx", "3xx", "4xx", "5xx"]

    private var answerTable: Table {
        (
            ["ANSWERS OF"] + Self.classes,
            ["upstream", "gateway"].map { who in [who] + Self.classes.map { "\(answers[who]?[$0] ?? 0)" } }
        )
    }

    private var refusalTable: Table {
        let most = refusals.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(8)
        return (["REFUSED BECAUSE OF", "COUNT"], most.map { [$0.key, "\($0.value)"] })
    }

    private var routeTable: Table {
        let shown = routes.map { route in
            [
                route.operation.isEmpty ? "(none)" : route.operation, route.origin, "\(route.answers)", "\(route.meanMilliseconds)",
                route.medianBelowMilliseconds.map { "<\($0)" } ?? "", route.p99BelowMilliseconds.map { "<\($0)" } ?? "",
            ]
        }
        return (["ROUTE", "ANSWERED BY", "ANSWERS", "MEAN MS", "MEDIAN", "99 %"], shown)
    }

    private var callerTable: Table {
        let shown = callers.sorted { $0.key < $1.key }.map { name, counts in
            [name.isEmpty ? "(unknown)" : name] + Self.classes.map { "\(Self.sum(counts, of: $0))" }
        }
        return (["CALLER"] + Self.classes, shown)
    }

    private var upstreamTable: Table {
        let shown = upstreams.map { upstream in
            [
                upstream.name, upstream.url, "\(upstream.connections)", "\(upstream.idle)", "\(upstream.waiting)",
                upstream.clockSkewSeconds.map { "\($0) s" } ?? "", upstream.lastFailure.map { "\($0.reason) at \($0.time)" } ?? "none",
            ]
        }
        return (["UPSTREAM", "URL", "CONNECTIONS", "IDLE", "WAITING", "CLOCK AHEAD", "LAST FAILURE"], shown)
    }

    private var limitTable: Table {
        let shown = limits.map { limit in
            let scope = [limit.upstream, limit.route, limit.caller].compactMap(\.self).joined(separator: " ")
            return [
                limit.limit, scope, Self.rate(limit.ratePerSecond), Self.rate(limit.configuredRatePerSecond),
                "\(limit.remaining) of \(limit.burst)", "\(limit.waiting)", limit.reason,
            ]
        }
        return (["LIMIT", "FOR", "RATE", "OF", "LEFT", "WAITING", "WHY"], shown)
    }

    private var credentialTable: Table {
        let shown = credentials.map { one in
            [one.name, one.type, one.usable ? "yes" : "NO", one.expires ?? "never", one.problem ?? ""]
        }
        return (["CREDENTIALS", "TYPE", "USABLE", "END", "LAST FETCH FAILED BECAUSE"], shown)
    }

    private var certificateTable: Table {
        (["CERTIFICATE", "LISTENER", "ENDS"], certificates.map { [$0.certificate, $0.listener, $0.expires] })
    }

    private var auditTable: Table {
        guard let audit else { return ([], []) }
        let state = audit.writable ? "writable" : "NOT WRITABLE: \(audit.reason ?? "")"
        let own = [
            "disk", state, audit.lastSeq.map { "\($0)" } ?? "", audit.lastTime ?? "", "\(audit.lagSeconds) s",
            "\(audit.backlogBytes) bytes",
        ]
        let copies = audit.ship.map { destination in
            [
                destination.to, destination.up ? "connected" : "DOWN: \(destination.reason ?? "not connected yet")",
                "\(destination.acknowledgedSeq)", "", "\(destination.secondsBehind) s", "\(destination.recordsBehind) records",
            ]
        }
        return (["AUDIT TO", "STATE", "LAST RECORD", "OF", "BEHIND", "WAITING"], [own] + copies)
    }

    // MARK: - Cells

    private static func columns(_ head: [String], _ rows: [[String]]) -> [String] {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    /// Of counts by status, where rare ones stand as their class.
    private static func sum(_ counts: [String: UInt64], of statusClass: String) -> UInt64 {
        counts.reduce(0) { $1.key.first == statusClass.first ? $0 + $1.value : $0 }
    }

    private static func rate(_ perSecond: Double) -> String {
        perSecond >= 1 ? "\((perSecond * 10).rounded() / 10)/s" : "\((perSecond * 864_000).rounded() / 10)/d"
    }

    private static func duration(_ seconds: Int64) -> String {
        seconds < 120
            ? "\(seconds) s" : seconds < 7200 ? "\(seconds / 60) min" : seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) d"
    }
}

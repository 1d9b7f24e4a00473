import FoundationEssentials

/// What `/status` says, as far as the terminal shows it.
struct StatusReport: Decodable {
    struct Frozen: Decodable { var since, by, reason: String }
    struct Upstream: Decodable {
        var name, url: String
        var connections, idle, waiting: Int
    }
    struct Limit: Decodable {
        var limit: String
        var upstream, route, caller: String?
        var configuredRatePerSecond, ratePerSecond: Double
        var reason: String
        var burst, remaining: UInt64
        var waiting: Int
    }
    struct Audit: Decodable {
        var writable: Bool
        var reason: String?
        var records: UInt64
        var backlogBytes: Int
    }

    var version: String
    var uptimeSeconds: Int
    var ready: Bool
    var reasons: [String]
    var frozen: Frozen?
    var listeners: [String]
    var connections, exchanges: Int
    var answers: [String: [String: UInt64]]
    var refusals: [String: UInt64]
    var upstreams: [Upstream]
    var limits: [Limit]
    var audit: Audit?

    init?(_ json: String) {
        guard let report = try? JSONDecoder().decode(StatusReport.self, from: Data(json.utf8)) else { return nil }
        self = report
    }

    var table: String {
        var lines = ["countersign \(version), up \(Self.duration(uptimeSeconds)), \(ready ? "ready" : "NOT READY")"]
        lines += reasons.map { "  " + $0 }
        if let frozen { lines.append("  FROZEN since \(frozen.since) by \(frozen.by): \(frozen.reason)") }
        lines.append("listening on \(listeners.joined(separator: ", ")); \(connections) connections, \(exchanges) requests under way")
        lines.append("")
        let classes = ["2xx", "3xx", "4xx", "5xx"]
        lines += Self.columns(
            ["ANSWERS OF"] + classes, ["upstream", "gateway"].map { who in [who] + classes.map { "\(answers[who]?[$0] ?? 0)" } })
        let most = refusals.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(8)
        if !most.isEmpty { lines += [""] + Self.columns(["REFUSED BECAUSE OF", "COUNT"], most.map { [$0.key, "\($0.value)"] }) }
        lines.append("")
        lines += Self.columns(
            ["UPSTREAM", "URL", "CONNECTIONS", "IDLE", "WAITING"],
            upstreams.map { [$0.name, $0.url, "\($0.connections)", "\($0.idle)", "\($0.waiting)"] })
        if !limits.isEmpty {
            lines.append("")
            lines += Self.columns(
                ["LIMIT", "FOR", "RATE", "OF", "LEFT", "WAITING", "WHY"],
                limits.map { limit in
                    let scope = [limit.upstream, limit.route, limit.caller].compactMap(\.self).joined(separator: " ")
                    return [
                        limit.limit, scope, Self.rate(limit.ratePerSecond), Self.rate(limit.configuredRatePerSecond),
                        "\(limit.remaining) of \(limit.burst)", "\(limit.waiting)", limit.reason,
                    ]
                })
        }
        lines.append("")
        if let audit {
            lines.append(
                "audit: \(audit.writable ? "writable" : "NOT WRITABLE: \(audit.reason ?? "")"), \(audit.records) records, \(audit.backlogBytes) bytes wait"
            )
        } else {
            lines.append("audit: none")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func columns(_ head: [String], _ rows: [[String]]) -> [String] {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func rate(_ perSecond: Double) -> String {
        perSecond >= 1 ? "\((perSecond * 10).rounded() / 10)/s" : "\((perSecond * 864_000).rounded() / 10)/d"
    }

    private static func duration(_ seconds: Int) -> String {
        seconds < 120
            ? "\(seconds) s" : seconds < 7200 ? "\(seconds / 60) min" : seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) d"
    }
}

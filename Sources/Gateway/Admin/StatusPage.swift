import GatewayCore

/// The snapshot as a page to look at: self-contained, without script, in light and dark.
enum StatusPage {
    static func render(_ snapshot: AdminSnapshot) -> String {
        let isReady = snapshot.reasonsNotReady.isEmpty
        var body = "<h1>countersign <small>\(escaped(snapshot.version))</small></h1>"
        body +=
            "<p class=\"\(isReady ? "good" : "bad")\">\(isReady ? "ready" : escaped(snapshot.reasonsNotReady.joined(separator: "; ")))</p>"
        body +=
            "<p>Since \(escaped(RFC3339.string(milliseconds: snapshot.startedMilliseconds))), on \(escaped(snapshot.listeners.joined(separator: ", "))). "
        body += "\(snapshot.connections) connections, \(snapshot.exchanges) requests under way, \(snapshot.reloads) reloads.</p>"
        body += table(
            "Answers", ["Origin", "1xx", "2xx", "3xx", "4xx", "5xx"],
            [
                ["upstream"] + snapshot.counters.upstreamAnswers.dropFirst().map(String.init),
                ["gateway"] + snapshot.counters.gatewayAnswers.dropFirst().map(String.init),
            ])
        body += table(
            "Refusals", ["countersign-reason", "Count"],
            snapshot.counters.refusals.sorted { $0.value > $1.value }.map { [$0.key, "\($0.value)"] })
        body += table(
            "Upstreams", ["Name", "Address", "Connections", "Idle", "Waiting"],
            snapshot.pools.map { pool in
                [pool.upstream, pool.url, "\(pool.open)", "\(pool.idle)", "\(pool.waiting)"]
            })
        body += LimitMetrics.table(snapshot.limits)
        if let store = snapshot.store { body += LimitStoreMetrics.table(store) }
        if let audit = snapshot.audit {
            let state = if case .unwritable(let reason) = audit.status { "not writable: \(reason)" } else { "writable" }
            body += table(
                "Audit", ["State", "Records", "Syncs", "Failures", "Waiting"],
                [
                    [state, "\(audit.counters.records)", "\(audit.counters.syncs)", "\(audit.counters.failures)", "\(audit.counters.owed)"]
                ])
        }
        body += ShipMetrics.table(snapshot.shipping)
        body +=
            "<p><a href=\"/status\">/status</a> <a href=\"/metrics\">/metrics</a> <a href=\"/ready\">/ready</a> <a href=\"/live\">/live</a></p>"
        return
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>countersign</title><style>\(style)</style></head><body>\(body)</body></html>\n"
    }

    static func table(_ title: String, _ columns: [String], _ rows: [[String]]) -> String {
        let head = columns.map { "<th>\(escaped($0))</th>" }.joined()
        let lines = rows.map { "<tr>" + $0.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>" }.joined()
        let none = rows.isEmpty ? "<tr><td colspan=\"\(columns.count)\">none</td></tr>" : ""
        return "<h2>\(escaped(title))</h2><table><thead><tr>\(head)</tr></thead><tbody>\(lines)\(none)</tbody></table>"
    }

    static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(character)
            }
        }
    }

    private static let style = """
        :root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}\
        table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}\
        small{font-weight:400;opacity:.6}.good{color:#1a7f37}.bad{color:#cf222e}@media(prefers-color-scheme:dark){.good{color:#3fb950}.bad{color:#f85149}}
        """
}

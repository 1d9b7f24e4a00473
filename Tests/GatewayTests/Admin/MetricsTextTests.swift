import Testing

@testable import Gateway

/// Reads the Prometheus text format, version 0.0.4, by a grammar that lets nothing doubtful through.
struct MetricsGrammar {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    private(set) var samples: [Sample] = []
    private(set) var types: [String: String] = [:]
    private(set) var mistakes: [String] = []

    init(_ text: String) {
        if !text.hasSuffix("\n") { mistakes.append("the last line does not end") }
        var helped: Set<String> = []
        var family = ""
        for scalars in text.unicodeScalars.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            let line = String(String.UnicodeScalarView(scalars))
            if line.hasPrefix("# HELP ") {
                let name = String(line.dropFirst(7).prefix { $0 != " " })
                if !helped.insert(name).inserted { mistakes.append("two HELP lines: \(line)") }
                family = name
            } else if line.hasPrefix("# TYPE ") {
                let words = line.dropFirst(7).split(separator: " ").map(String.init)
                if words.count != 2 || words[0] != family || types[family] != nil || !["counter", "gauge", "histogram"].contains(words[1]) {
                    mistakes.append("TYPE: \(line)")
                } else {
                    types[family] = words[1]
                }
            } else if let sample = Self.sample(line) {
                let part = types[family] == "histogram" ? Self.withoutSuffix(sample.name) : sample.name
                if part != family || types[family] == nil { mistakes.append("outside its family: \(line)") }
                if types[family] == "counter", !family.hasSuffix("_total") || sample.value < 0 { mistakes.append("counter: \(line)") }
                if samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) { mistakes.append("twice: \(line)") }
                samples.append(sample)
            } else {
                mistakes.append("no sample: \(line)")
            }
        }
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private static func withoutSuffix(_ name: String) -> String {
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
        return name + " has no suffix"
    }

    private static func sample(_ line: String) -> Sample? {
        var rest = Array(line.unicodeScalars)[...]
        guard let name = word(&rest) else { return nil }
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest = rest.dropFirst()
                guard let label = word(&rest), rest.popFirst() == "=", rest.popFirst() == "\"", let value = quoted(&rest),
                    labels[label] == nil
                else { return nil }
                labels[label] = value
            } while rest.first == ","
            guard rest.popFirst() == "}" else { return nil }
        }
        guard rest.popFirst() == " ", let value = Double(String(String.UnicodeScalarView(rest))) else { return nil }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func word(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
        let word = rest.prefix { $0 == "_" || ("a"..."z").contains($0) || ("0"..."9").contains($0) }
        guard let first = word.first, !("0"..."9").contains(first) else { return nil }
        rest = rest.dropFirst(word.count)
        return String(String.UnicodeScalarView(word))
    }

    private static func quoted(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
        var value = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return String(value)
            case "\\":
                switch rest.popFirst() {
                case "n": value.append("\n")
                case let escaped? where escaped == "\\" || escaped == "\"": value.append(escaped)
                default: return nil
                }
            default: value.append(scalar)
            }
        }
        return nil
    }
}

@Suite("The metrics page")
struct MetricsTextTests {
    @Test("Every line is lawful, and the numbers are the snapshot's")
    func numbers() {
        let text = MetricsText.render(.sample())
        let metrics = MetricsGrammar(text)
        #expect(metrics.mistakes == [])
        #expect(metrics.value("countersign_answers_total", ["origin": "upstream", "status": "2xx"]) == 1)
        #expect(metrics.value("countersign_answers_total", ["origin": "gateway", "status": "4xx"]) == 2)
        #expect(metrics.value("countersign_answers_total", ["origin": "gateway", "status": "5xx"]) == 0)
        #expect(metrics.value("countersign_refusals_total", ["reason": "limit/account"]) == 1)
        #expect(metrics.value("countersign_upstream_throttles_total") == 3)
        #expect(metrics.value("countersign_connections") == 4)
        #expect(metrics.value("countersign_upstream_connections", ["upstream": "plain", "state": "busy"]) == 2)
        #expect(metrics.value("countersign_limit_rate", ["limit": "account", "upstream": "plain"]) == 2.5)
        #expect(metrics.value("countersign_limit_remaining", ["limit": "account", "upstream": "plain"]) == 7)
        #expect(metrics.value("countersign_audit_writable") == 1)
        #expect(metrics.value("countersign_audit_backlog_bytes") == 9)
        #expect(metrics.value("countersign_ready") == 1)
        #expect(metrics.value("countersign_start_time_seconds") == 1_440_938_160)
        #expect(metrics.value("countersign_build_info", ["version": "0.0.0"]) == 1)
    }

    @Test("Not ready is a number, too")
    func notReady() {
        let metrics = MetricsGrammar(MetricsText.render(.sample(ready: false)))
        #expect(metrics.value("countersign_ready") == 0)
        #expect(metrics.value("countersign_audit_writable") == 0)
    }

    @Test("A label holds any text", arguments: ["a\"b", "a\\b", "a\nb", "\\n", "\"} 1", "\\\"", "caf\u{E9} \u{1F4DE}", "", "{a=\"b\"}"])
    func escaping(odd: String) {
        let metrics = MetricsGrammar(MetricsText.render(.sample(odd: odd)))
        #expect(metrics.mistakes == [])
        #expect(metrics.value("countersign_refusals_total", ["reason": odd]) == 1)
        #expect(metrics.value("countersign_upstream_waiting", ["upstream": odd]) == 0)
    }

    @Test(
        "The grammar refuses what it should",
        arguments: [
            "a 1", "# TYPE a gauge\na 1\n", "# HELP a x\n# TYPE a counter\na 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
            "# HELP a x\n# TYPE a gauge\na 1\na 2\n", "# HELP a x\n# TYPE a gauge\nb 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
            "# HELP a x\n# TYPE a gauge\na  1\n", "\n",
        ])
    func grammar(text: String) {
        #expect(!MetricsGrammar(text).mistakes.isEmpty)
    }
}

import FoundationEssentials
import GatewayCore
import NIOPosix

/// What the page asks for beside `/status`. These answers, and these alone, hold phone numbers (`/records`, `/deletions`).
extension AdminSource {
    /// The last hour: for each caller and kind of answer 60 numbers.
    func history() async -> AdminAnswer {
        let current = (try? await workers.onEach { $0.traffic.row })?.compactMap(\.self) ?? []
        let report = workers.history.report(current: current, now: Clock.wallMilliseconds())
        return .json(HistoryText(report, upstreams: await state.runtime.upstreams.map(\.settings.name)))
    }

    /// The newest records that match, one JSON object a line as it stands in the trail, newest first.
    func records(_ query: AdminQuery) async -> AdminAnswer {
        let runtime = await state.runtime
        guard let trail = runtime.trail, let path = runtime.settings.audit?.path, let position = trail.positions.current else {
            return AdminAnswer(contentType: Self.lines, body: "", fields: [("countersign-trail", "none")])
        }
        var filter = AuditFilter()
        filter.caller = query["caller"].map(Self.escaped)
        filter.stage = query["stage"]
        filter.operation = query["operation"].map(Self.escaped)
        filter.id = query["id"]
        filter.status = query["status"].map { Int($0) ?? 0 }
        let search = RecordSearch(
            filter: filter, text: query["text"].map { Array(Self.escaped($0).utf8) } ?? [],
            limit: query.count("limit", standard: 100, most: 1000))
        let found = try? await NIOThreadPool.singleton.runIfActive { search.run(path: path, position: position) }
        let result = found ?? RecordSearch.Result()
        return AdminAnswer(
            contentType: Self.lines, body: result.lines.map { $0 + "\n" }.joined(),
            fields: [
                ("countersign-searched", "\(result.searchedCount)"), ("countersign-complete", result.reachedStart ? "true" : "false"),
            ])
    }

    /// The Deletion queue as the trail tells of it.
    func deletions(_ query: AdminQuery) async -> AdminAnswer {
        guard let follower = await state.follower else { return .json(DeletionsText.none) }
        let order = query["order"].flatMap(DeletionQueue.Order.init) ?? .newest
        let limit = query.count("limit", standard: 100, most: 10_000)
        let now = Clock.wallMilliseconds()
        let (selection, progress) = follower.look {
            $0.select(containing: query["text"] ?? "", order: order, limit: limit, now: now)
        }
        return .json(DeletionsText(selection, progress, now: now))
    }

    private static let lines = "application/x-ndjson; charset=utf-8"

    /// As a trail writes it between quotes.
    private static func escaped(_ text: String) -> String { AuditFields.escaped(text) }
}

extension AdminAnswer {
    fileprivate static func json(_ value: some Encodable) -> AdminAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return AdminAnswer(status: 500, body: "This cannot be shown.\n") }
        return AdminAnswer(contentType: "application/json", body: String(decoding: data, as: UTF8.self) + "\n")
    }
}

/// `/history`.
private struct HistoryText: Encodable {
    struct Caller: Encodable {
        /// Absent for whoever was not recognised.
        var name: String?
        /// By kind; kinds that did not occur are absent.
        var counts: [String: [UInt64]]
    }

    /// Of the last five minutes.
    struct Upstream: Encodable {
        var name: String
        var answers: UInt64
        var failures: UInt64
        /// Absent where nothing was answered.
        var p50Ms: Double?
        var p95Ms: Double?
        var p99Ms: Double?
    }

    /// When the last of the minutes began, which is the one under way.
    var lastMinute: String
    var minutes = TrafficHistory.minuteCount
    var kinds = TrafficKind.allCases.map(\.name)
    var callers: [Caller]
    var recentMinutes = TrafficHistory.recentMinuteCount
    var upstreams: [Upstream]

    init(_ report: TrafficReport, upstreams names: [String]) {
        upstreams = names.map { name in
            let counts = report.upstreams[name] ?? UpstreamCounts()
            return Upstream(
                name: name, answers: counts.answerCount, failures: counts.failureCount, p50Ms: counts.quantile(0.5),
                p95Ms: counts.quantile(0.95), p99Ms: counts.quantile(0.99))
        }
        lastMinute = RFC3339.string(milliseconds: report.lastMinute * 60_000)
        callers = report.callers.map { caller in
            Caller(name: caller.name, counts: Dictionary(uniqueKeysWithValues: caller.counts.map { ($0.key.name, $0.value) }))
        }
    }
}

/// `/deletions`.
private struct DeletionsText: Encodable {
    struct Entry: Encodable {
        var number: String
        var caller: String
        var id: String
        var seq: UInt64
        var deleted: String
        var restorableUntil: String
        var certainty: String
    }

    var trail: Bool
    /// False while older records are still being read.
    var complete = false
    var recordsRead: UInt64 = 0
    var bytesBehind = 0
    var gaps: UInt64 = 0
    var now: String?
    var held = 0
    var matching = 0
    var omitted: UInt64 = 0
    var entries: [Entry] = []

    static var none: DeletionsText { DeletionsText() }

    private init() { trail = false }

    init(_ selection: DeletionQueue.Selection, _ progress: TrailFollower.Progress, now: Int64) {
        trail = true
        complete = progress.hasCaughtUp
        recordsRead = progress.recordCount
        bytesBehind = progress.bytesBehind
        gaps = progress.gaps
        self.now = RFC3339.string(milliseconds: now)
        held = selection.heldCount
        matching = selection.matchCount
        omitted = selection.omittedCount
        entries = selection.entries.map { entry in
            Entry(
                number: entry.number, caller: entry.caller, id: entry.id, seq: entry.sequence,
                deleted: RFC3339.string(milliseconds: entry.deleted),
                restorableUntil: RFC3339.string(milliseconds: entry.restorableUntil), certainty: entry.certainty.rawValue)
        }
    }
}

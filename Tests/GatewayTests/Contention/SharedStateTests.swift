import Digests
import GatewayConfig
import Glibc
import Logging
import Synchronization
import Testing

@testable import Gateway
@testable import GatewayCore

/// What event loops and threads share, under threads that want it at the same moment. Each test ends with a sum that comes out only if
/// nothing was lost; under the thread sanitizer each is a proof that the state is guarded.
@Suite("Shared state under contention", .timeLimit(.minutes(5)))
struct SharedStateTests {
    private static let threads = 8

    @Test("The switch and its one-load answer never part")
    func freezeSwitch() async throws {
        let freezeSwitch = FreezeSwitch()
        let frozen = (0..<Self.threads).map { Freeze(sinceMilliseconds: Int64($0), by: "op\($0)", source: "test", reason: "\($0)") }
        for round in 0..<50 {
            let whole = try await together(Self.threads) { number in
                var isWhole = true
                for turn in 0..<100 {
                    freezeSwitch.set((turn + number + round).isMultiple(of: 2) ? frozen[number] : nil)
                    // Of one command, not of two.
                    if let seen = freezeSwitch.freeze { isWhole = isWhole && seen.by == "op\(seen.reason)" }
                    _ = freezeSwitch.isOn
                }
                return isWhole
            }
            #expect(whole.allSatisfy { $0 })
            #expect(freezeSwitch.isOn == (freezeSwitch.freeze != nil))
        }
    }

    @Test("No more are under way than may be, and every place comes back")
    func inFlight() async throws {
        let count = InFlightCount()
        let holders = Atomic<Int>(0)
        let taken = try await together(Self.threads) { _ in
            var taken = 0
            for _ in 0..<5000 {
                guard let place = count.take(most: 3) else { continue }
                taken += 1
                #expect(holders.add(1, ordering: .relaxed).newValue <= 3)
                holders.subtract(1, ordering: .relaxed)
                _ = consume place
            }
            return taken
        }
        #expect(taken.reduce(0, +) > 0)
        #expect(count.value == 0)
    }

    @Test("One loop alone looks at an answer")
    func looksAtTheClock() async throws {
        let clock = UpstreamClock()
        let second: UInt64 = 1_000_000_000
        let looks = try await together(Self.threads) { _ in
            (1...20_000).filter { clock.wantsLook(sentAt: UInt64($0) * 2 * second) }
        }
        // Rounds may be passed over by who comes late, and none is looked at twice.
        let rounds = looks.flatMap { $0 }
        #expect(!rounds.isEmpty && Set(rounds).count == rounds.count)
    }

    @Test("What is in force is what was measured")
    func upstreamClock() async throws {
        let clock = UpstreamClock()
        _ = try await together(Self.threads) { number in
            for _ in 1...200 {
                let skew = Int64(number.isMultiple(of: 2) ? 60 : 120)
                _ = clock.observe(
                    ClockSample(dateSeconds: 1_000_000 + skew, receivedMilliseconds: 1_000_000_000, roundTripNanoseconds: 1000))
                _ = clock.correction()
                clock.countSignedAgain()
            }
        }
        #expect(clock.signedAgainCount == UInt64(Self.threads) * 200)
        #expect(clock.correction() == clock.reading.skewMilliseconds)
    }

    @Test("Nothing that the store's connections count is lost")
    func storeCounters() async throws {
        let counters = StoreCounters()
        let most = try await together(Self.threads) { number in
            var most = 0
            for turn in 0..<2000 {
                most = max(most, counters.connectionCame())
                counters.answered(afterNanoseconds: UInt64(turn) * 1000)
                counters.failed(turn.isMultiple(of: 2) ? .timedOut : .malformed)
                counters.decidesAlone()
                counters.connectionWent()
            }
            return most
        }
        let snapshot = counters.snapshot(connections: Self.threads, rule: "local", address: "a")
        let all = UInt64(Self.threads) * 2000
        #expect(most.allSatisfy { (1...Self.threads).contains($0) } && snapshot.connectionsUp == 0)
        #expect(snapshot.latencyClasses.reduce(0, +) == all && snapshot.decidedAlone == all)
        #expect(snapshot.latencyNanoseconds == UInt64(Self.threads) * 1999 * 1000 * 1000)
        #expect(snapshot.failures.map(\.count).reduce(0, +) == all)
    }

    @Test("A failure that every loop meets is said once, with the number held back")
    func storeVoice() async throws {
        let lines = Lines()
        let voice = StoreVoice(address: "redis://a", rule: .local, connections: Self.threads, logger: Logger(label: "t") { _ in lines })
        _ = try await together(Self.threads) { _ in
            for _ in 0..<500 { voice.failed(.timedOut, now: 1) }
            voice.connected(Self.threads)
        }
        #expect(lines.all.filter { $0.hasPrefix("limit store failed") } == ["limit store failed: this gateway keeps its limits alone nil"])
        voice.failed(.timedOut, now: 10_000_000_000)
        #expect(lines.all.last == "limit store failed: this gateway keeps its limits alone \(Self.threads * 500 - 1)")
    }

    @Test("Minutes of several loops add up in the history")
    func traffic() async throws {
        let share = TrafficShare()
        let minute = Clock.wallMilliseconds() / 60_000
        var one = TrafficCounts()
        one[.served] = 1
        let row = TrafficTally.Row(minute: minute, counts: ["billing": one])
        _ = try await together(Self.threads) { _ in
            for turn in 0..<500 {
                share.add(row)
                if turn.isMultiple(of: 50) { _ = share.report(current: [row], now: minute * 60_000) }
            }
        }
        let served = share.report(current: [], now: minute * 60_000).callers.first?.counts[.served] ?? []
        #expect(served.reduce(0, +) == UInt64(Self.threads) * 500)
    }

    @Test("Once the table is closed no loop is given anything to do")
    func workerTable() async throws {
        for _ in 0..<50 {
            let table = WorkerTable([], loops: [])
            let isClosed = Atomic<Bool>(false)
            let late = try await together(Self.threads) { number in
                var late = 0
                for turn in 0..<200 {
                    if number == 0, turn == 100 {
                        table.close()
                        isClosed.store(true, ordering: .sequentiallyConsistent)
                    }
                    // Whoever is inside has come before the closing ended.
                    table.ifOpen { if isClosed.load(ordering: .sequentiallyConsistent) { late += 1 } }
                }
                return late
            }
            #expect(late.allSatisfy { $0 == 0 })
            #expect(table.ifOpen {} == nil)
        }
    }

    @Test("Who waits for the trail's position hears of the last one, whoever else comes and goes")
    func positions() async throws {
        let positions = AuditPositions()
        let last: UInt64 = 20_000
        let heard = try await together(Self.threads) { number -> Bool in
            if number == 0 {
                for sequence in 1...last { positions.publish(AuditPosition(identity: 1, size: Int(sequence), sequence: sequence)) }
                return true
            }
            guard let bell = Doorbell() else { return false }
            if number.isMultiple(of: 2) {
                for _ in 0..<1000 {
                    positions.add(bell)
                    positions.remove(bell)
                }
                return true
            }
            positions.add(bell)
            defer { positions.remove(bell) }
            while true {
                // What is published from here on rings.
                bell.arm()
                if positions.current?.sequence == last { return true }
                var ring = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&ring, 1, 60_000) == 1 else { return false }
            }
        }
        #expect(heard.allSatisfy { $0 })
    }

    @Test("A reload under load gives nobody more than the burst")
    func limitsOverReloads() async throws {
        let now: UInt64 = 100_000_000_000
        func plan(_ callers: [String]) throws -> LimitPlan {
            let day = Rate(count: 1000, periodNanoseconds: 86_400_000_000_000)
            let rule = LimitRule(name: "fuse", rate: day, burst: 1000, scope: .upstream, maxWaitNanoseconds: 0, isAdaptive: false)
            let route = RouteRule(
                operation: "Op", method: "DELETE", template: "/r/{id}", segments: [], upstream: "chime", limits: ["fuse"])
            return try LimitPlan(rules: [rule], routes: [route], upstreams: ["chime"], callers: callers)
        }
        let current = Mutex(LimitTable(plan: try plan(["a"])))
        let plans = try (0..<4).map { try plan(["a"] + (0..<$0).map { "b\($0)" }) }
        let admitted = try await together(Self.threads) { number in
            var admitted = 0
            for turn in 0..<1000 {
                if number == 0, turn.isMultiple(of: 10) {
                    current.withLock { $0 = LimitTable(plan: plans[turn / 10 % 4], inheriting: $0, now: now) }
                }
                let table = current.withLock { $0 }
                let request = AdmissionRequest(route: 0, caller: 0, arrival: now, attempt: .first)
                if case .admitted = table.take(request, now: now) { admitted += 1 }
                if turn.isMultiple(of: 100) { _ = table.status(now: now) }
            }
            return admitted
        }
        #expect(admitted.reduce(0, +) == 1000)
    }

    @Test("Secrets come and go on every thread, and each keeps its own")
    func secrets() async throws {
        // In ordinary memory: the secure heap is libcrypto's, which keeps its random generators there, too, where the leak sanitizer does not
        // look and takes for lost what they refer to.
        let shared = SecretBytes("of all")
        let whole = try await together(Self.threads) { number in
            (0..<2000).allSatisfy { turn in
                let bytes = [UInt8](repeating: UInt8(number), count: turn % 200)
                let secret = SecretBytes(bytes)
                return secret.withUnsafeBytes { $0.elementsEqual(bytes) } && shared == SecretBytes("of all")
            }
        }
        #expect(whole.allSatisfy { $0 })
    }
}

/// Keeps what is logged: the words and how often they were held back.
private final class Lines: LogHandler {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.message) \(event.metadata?["repeated"].map { "\($0)" } ?? "nil")") }
    }
}

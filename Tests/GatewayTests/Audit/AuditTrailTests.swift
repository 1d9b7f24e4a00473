import Digests
import GatewayCore
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Gateway

private func entry(_ stage: AuditStage, id: String) -> AuditEntry {
    AuditEntry(stage: stage, timeMilliseconds: 1_769_904_000_123, id: Array(id.utf8)[...])
}

/// Waits for one record; fulfils a promise of its loop.
private final class Waiter: AuditWaiter {
    let promise: EventLoopPromise<String>

    init(_ loop: any EventLoop) { promise = loop.makePromise() }

    func auditWritten() { promise.succeed("written") }
    func auditFailed(_ reason: String) { promise.succeed(reason) }
}

private func verify(_ files: [[UInt8]], start: AuditVerifier.Start = .first) throws -> AuditVerifier {
    var verifier = try AuditVerifier(start: start)
    for file in files {
        file.withUnsafeBytes { verifier.consume($0) }
        verifier.endFile()
    }
    return verifier
}

/// Appends intents on a loop and returns what their waiters were told, in order.
private func record(_ ids: [String], to trail: AuditTrail, on loop: any EventLoop) async throws -> [String] {
    try await loop.flatSubmit {
        let lane = AuditLane(loop: loop)
        let answers = ids.map { id -> EventLoopFuture<String> in
            let waiter = Waiter(loop)
            switch lane.append(entry(.intent, id: id), to: trail, waiter: waiter) {
            case .pending: break
            case .accepted: waiter.promise.succeed("accepted")
            case .refused(let reason): waiter.promise.succeed("refused: " + reason)
            }
            return waiter.promise.futureResult
        }
        lane.flush()
        return EventLoopFuture.whenAllSucceed(answers, on: loop)
    }.get()
}

@Suite struct AuditTrailTests {
    private let folder = TemporaryFolder()

    private func open(_ sync: AuditSync = .always, observer: @escaping @Sendable (AuditTrailEvent) -> Void = { _ in }) throws -> AuditTrail
    {
        try AuditTrail(rule: AuditRule(path: folder / "audit.jsonl", sync: sync), instance: "gw-1", observer: observer)
    }

    private var loop: any EventLoop { MultiThreadedEventLoopGroup.singleton.any() }

    @Test(arguments: [(AuditSync.always, "written"), (.interval, "accepted"), (.never, "accepted")])
    func intentsAreWritten(sync: AuditSync, answer: String) async throws {
        let trail = try open(sync)
        let answers = try await record(["a", "b"], to: trail, on: loop)
        #expect(answers == [answer, answer])
        if sync == .always { #expect(folder.read("audit.jsonl").count { $0 == 0x0A } == 2) }
        #expect(trail.close())
        #expect(try verify([folder.read("audit.jsonl")]).recordCount == 2)
        var status = stat()
        #expect(stat(folder / "audit.jsonl", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func manyLoopsMakeOneChain() async throws {
        let trail = try open()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        try await withThrowingTaskGroup(of: [String].self) { tasks in
            for number in 0..<64 {
                let loop = group.next()
                tasks.addTask { try await record((0..<50).map { "id-\(number)-\($0)" }, to: trail, on: loop) }
            }
            for try await answers in tasks { #expect(answers.allSatisfy { $0 == "written" }) }
        }
        #expect(trail.counters.records == 3200)
        #expect(trail.close())
        let bytes = folder.read("audit.jsonl")
        let verifier = try verify([bytes])
        #expect(verifier.finding == nil)
        #expect(verifier.recordCount == 3200)
        try await group.shutdownGracefully()
    }

    @Test func outcomesAndRefusalsNeedNoWaiter() async throws {
        let trail = try open()
        let loop = loop
        try await loop.submit {
            let lane = AuditLane(loop: loop)
            #expect(lane.append(entry(.outcome, id: "o"), to: trail, waiter: nil) == .accepted)
            #expect(lane.append(entry(.refusal, id: "r"), to: trail, waiter: nil) == .accepted)
        }.get()
        try await loop.submit {}.get()
        #expect(trail.close())
        #expect(try verify([folder.read("audit.jsonl")]).recordCount == 2)
    }

    @Test func chainGoesOnAfterARestart() async throws {
        for round in 1...3 {
            let trail = try open()
            _ = try await record(["r\(round)"], to: trail, on: loop)
            #expect(trail.close())
        }
        #expect(try verify([folder.read("audit.jsonl")]).recordCount == 3)
        #expect(folder.names == ["audit.jsonl", "audit.jsonl.state"])
    }

    @Test func secondWriterIsTurnedAway() throws {
        let trail = try open()
        let error = #expect(throws: AuditTrailError.self) { try self.open() }
        #expect("\(try #require(error))".contains("another process writes this file"))
        #expect(trail.close())
        #expect(try self.open().close())
    }

    @Test(arguments: ["/dev/null", "/nonexistent/audit.jsonl", "/tmp"])
    func placesThatAreNoFileAreRefused(path: String) {
        #expect(throws: AuditTrailError.self) { try AuditTrail(rule: AuditRule(path: path), instance: "gw-1") }
    }

    @Test func tornEndIsSetAsideAndNoted() async throws {
        let first = try open()
        _ = try await record(["a", "b"], to: first, on: loop)
        #expect(first.close())
        let whole = folder.read("audit.jsonl")
        let torn = Array(#"{"v":1,"seq":3,"time":"2026"#.utf8)
        folder.write("audit.jsonl", whole + torn)

        let second = try open()
        _ = try await record(["c"], to: second, on: loop)
        #expect(second.close())
        let aside = try #require(folder.names.first { $0.contains(".torn-") })
        #expect(folder.read(aside) == torn)
        let bytes = folder.read("audit.jsonl")
        #expect(try verify([bytes]).recordCount == 3)
        #expect(
            String(decoding: bytes, as: UTF8.self).contains("\"note\":\"\(torn.count) bytes of a torn record were set aside in \(aside)\""))
    }

    @Test func rotationKeepsTheChain() async throws {
        let (events, continuation) = AsyncStream.makeStream(of: AuditTrailEvent.self)
        let trail = try open { continuation.yield($0) }
        _ = try await record(["a"], to: trail, on: loop)
        rename(folder / "audit.jsonl", folder / "audit.jsonl.1")
        trail.reopen()
        for await event in events where event == .reopened { break }
        _ = try await record(["b"], to: trail, on: loop)
        #expect(trail.close())
        #expect(try verify([folder.read("audit.jsonl.1"), folder.read("audit.jsonl")]).recordCount == 2)
    }

    @Test(arguments: [true, false])
    func chainGoesOnFromARotatedFileOrTheNoteOfOne(isCompressed: Bool) async throws {
        let first = try open()
        _ = try await record(["a", "b"], to: first, on: loop)
        #expect(first.close())
        rename(folder / "audit.jsonl", folder / "audit.jsonl-20260131")
        if isCompressed {
            rename(folder / "audit.jsonl-20260131", folder / "audit.jsonl-20260131.gz")
        } else {
            unlink(folder / "audit.jsonl.state")
        }

        let second = try open()
        _ = try await record(["c"], to: second, on: loop)
        #expect(second.close())
        let old = folder.read(isCompressed ? "audit.jsonl-20260131.gz" : "audit.jsonl-20260131")
        #expect(try verify([old, folder.read("audit.jsonl")]).recordCount == 3)
    }

    @Test func removedFileIsMadeAnew() async throws {
        let trail = try open()
        _ = try await record(["a"], to: trail, on: loop)
        unlink(folder / "audit.jsonl")
        #expect(try await record(["b"], to: trail, on: loop) == ["written"])
        #expect(trail.close())
        let verifier = try verify([folder.read("audit.jsonl")], start: .anywhere)
        #expect(verifier.firstSequence == 2)
        #expect(verifier.finding == nil)
    }

    @Test func recordsThatNobodyWaitsForLagUntilTheyAreSynced() async throws {
        let trail = try open(.interval)
        #expect(trail.lagMilliseconds(now: .max) == 0)
        let now = AuditInbox.milliseconds()
        _ = try await record(["a"], to: trail, on: loop)
        // Taken just now; an hour later it would be an hour old. Unless the sync, a second later, has been quicker than this test.
        let lag = trail.lagMilliseconds(now: now + 3_600_000)
        #expect(lag == 0 || (3_500_000...3_600_000).contains(lag))
        #expect(trail.close())
        #expect(trail.lagMilliseconds(now: .max) == 0)
    }

    @Test func closedTrailRefusesAndTellsWhy() async throws {
        let trail = try open()
        #expect(trail.close())
        #expect(trail.close())
        #expect(try await record(["late"], to: trail, on: loop) == ["refused: the trail is closed"])
    }
}

@Suite struct AuditInboxTests {
    private func batch(_ count: Int, _ duty: AuditDuty) -> AuditBatch {
        var batch = AuditBatch()
        for _ in 0..<count { [UInt8](repeating: 0x61, count: 100).withUnsafeBytes { batch.append(body: $0, duty: duty) } }
        return batch
    }

    private func isTaken(_ acceptance: AuditInbox.Acceptance) -> Bool {
        if case .taken = acceptance { true } else { false }
    }

    @Test func waitingBytesAreCountedUntilTaken() {
        let inbox = AuditInbox()
        #expect(isTaken(inbox.deliver(batch(2, .awaited), lane: 0)) && inbox.pendingByteCount == 200)
        #expect(isTaken(inbox.deliver(batch(3, .owed), lane: 1)) && inbox.pendingByteCount == 500)
        let work = inbox.wait(doze: .max, deadline: nil)
        #expect(work.deliveries.map(\.lane) == [0, 1])
        #expect(inbox.pendingByteCount == 0)
        #expect(isTaken(inbox.deliver(batch(1, .owed), lane: 0)) && inbox.pendingByteCount == 100)
    }

    @Test func theOldestDeliveryIsKnownUntilItIsTaken() throws {
        let inbox = AuditInbox()
        #expect(inbox.oldestDelivery == nil)
        let before = AuditInbox.milliseconds()
        _ = inbox.deliver(batch(1, .awaited), lane: 0)
        let oldest = try #require(inbox.oldestDelivery)
        #expect((before...AuditInbox.milliseconds()).contains(oldest))
        usleep(5000)
        _ = inbox.deliver(batch(1, .awaited), lane: 1)
        #expect(inbox.oldestDelivery == oldest)
        #expect(inbox.wait(doze: .max, deadline: nil).deliveries.first?.batch.acceptedAt == oldest)
        #expect(inbox.oldestDelivery == nil)
    }

    @Test func whatNobodyWaitsForLetsTheWriterDoze() {
        let inbox = AuditInbox()
        _ = inbox.deliver(batch(1, .owed), lane: 0)
        let until = AuditInbox.milliseconds() + 20
        #expect(inbox.wait(doze: until, deadline: nil).deliveries.count == 1)
        #expect(AuditInbox.milliseconds() >= until)
    }

    @Test func muchOfItDoesNot() {
        let inbox = AuditInbox()
        _ = inbox.deliver(batch(11_000, .owed), lane: 0)
        #expect(inbox.wait(doze: .max, deadline: nil).deliveries.count == 1)
    }

    @Test func deadlineEndsTheWait() {
        #expect(AuditInbox().wait(doze: 0, deadline: AuditInbox.milliseconds() + 5).deliveries.isEmpty)
    }

    @Test func wishesEndTheWait() {
        let inbox = AuditInbox()
        inbox.requestReopening()
        inbox.addDroppedRefusal()
        let work = inbox.wait(doze: .max, deadline: nil)
        #expect(work.shallReopen && !work.shallClose)
        #expect(work.droppedRefusals == 1)
        inbox.requestClosing()
        #expect(inbox.wait(doze: .max, deadline: nil).shallClose)
    }

    @Test func shutInboxTurnsAway() {
        let inbox = AuditInbox()
        _ = inbox.deliver(batch(1, .owed), lane: 0)
        #expect(inbox.shut().count == 1 && inbox.pendingByteCount == 0)
        #expect(!isTaken(inbox.deliver(batch(1, .owed), lane: 0)))
    }
}

@Suite struct AuditBacklogTests {
    private let folder = TemporaryFolder()

    @Test(arguments: [
        (0, true, true), (4 << 20, true, true), ((4 << 20) + 1, true, false), (8 << 20, true, false), ((8 << 20) + 1, false, false),
    ])
    func backlogIsBounded(byteCount: Int, takesIntents: Bool, takesRefusals: Bool) throws {
        let trail = try AuditTrail(rule: AuditRule(path: folder / "audit.jsonl"), instance: "gw-1")
        #expect((trail.reasonToRefuse(adding: byteCount) == nil) == takesIntents)
        #expect(trail.hasRoomForRefusals(adding: byteCount) == takesRefusals)
        #expect(trail.close())
    }

    @Test func droppedRefusalsAreNoted() async throws {
        let trail = try AuditTrail(rule: AuditRule(path: folder / "audit.jsonl"), instance: "gw-1")
        trail.dropRefusal()
        trail.dropRefusal()
        _ = try await record(["a"], to: trail, on: MultiThreadedEventLoopGroup.singleton.any())
        #expect(trail.close())
        #expect(trail.counters.droppedRefusals == 2)
        #expect(String(decoding: folder.read("audit.jsonl"), as: UTF8.self).contains(#""note":"refusals not recorded: 2""#))
    }
}

@Suite struct AuditPredecessorTests {
    @Test(arguments: [
        ("audit.jsonl.1", true), ("audit.jsonl.12", true), ("audit.jsonl-20260131", true), ("audit-20260131.jsonl", true),
        ("audit.jsonl.2026-01-31T00:00:00Z", true), ("audit.jsonl", false), ("audit.jsonl.1.gz", false), ("audit.jsonl.state", false),
        ("audit.jsonl.torn-20260131T000000.000Z", false), ("audit2.jsonl", false), ("audit-other.jsonl", false), ("audit.jsonl.", false),
    ])
    func knowsRotatedNames(name: String, isRotated: Bool) {
        #expect(AuditPredecessor(path: "/var/log/audit.jsonl").isRotated(name) == isRotated)
    }

    @Test(arguments: [("audit.jsonl", "."), ("/audit.jsonl", "/"), ("logs/audit.jsonl", "logs"), ("/var/log/a.jsonl", "/var/log")])
    func knowsItsDirectory(path: String, directory: String) {
        #expect(AuditPredecessor(path: path).directory == directory)
    }
}

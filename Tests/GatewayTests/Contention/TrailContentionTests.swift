import GatewayConfig
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Gateway
@testable import GatewayCore

@Suite("The trail and the credentials under contention", .timeLimit(.minutes(5)))
struct TrailContentionTests {
    private static let producers = 4
    private static let turns = 60

    private final class Waiter: AuditWaiter {
        private let promise: EventLoopPromise<Bool>

        init(_ promise: EventLoopPromise<Bool>) { self.promise = promise }

        func auditWritten() { promise.succeed(true) }
        func auditFailed(_ reason: String) { promise.succeed(false) }
    }

    /// Appends one intent and one outcome on the loop; whether the intent is on disk.
    private static func record(_ id: String, to trail: AuditTrail, on loop: any EventLoop) throws -> Bool {
        try loop.flatSubmit {
            let lane = AuditLane(loop: loop)
            let promise = loop.makePromise(of: Bool.self)
            let intent = AuditEntry(stage: .intent, timeMilliseconds: 1_769_904_000_123, id: Array(id.utf8)[...])
            if lane.append(intent, to: trail, waiter: Waiter(promise)) != .pending { promise.succeed(false) }
            let outcome = AuditEntry(stage: .outcome, timeMilliseconds: 1_769_904_000_124, id: Array(id.utf8)[...])
            _ = lane.append(outcome, to: trail, waiter: nil)
            return promise.futureResult
        }.wait()
    }

    @Test("Several loops write one chain, while files are turned and compressed under them and others look")
    func oneChain() async throws {
        let folder = TemporaryFolder()
        let path = folder / "audit.jsonl"
        let trail = try AuditTrail(
            rule: AuditRule(path: path, rotation: AuditRotationRule(byteLimit: 20_000, compresses: true)), instance: "gw-1")
        let follower = try #require(TrailFollower(path: path, positions: trail.positions))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Self.producers)
        let loops = Array(group.makeIterator())
        let written = try await together(Self.producers + 2) { number in
            switch number {
            case Self.producers:
                for _ in 0..<Self.turns { trail.reopen() }
                return 0
            case Self.producers + 1:
                for _ in 0..<Self.turns {
                    _ = (trail.status, trail.counters, trail.backlog, trail.positions.current)
                    _ = follower.look { $0.select(limit: 10, now: 0) }
                }
                return 0
            default:
                return try (0..<Self.turns).count { try Self.record("\(number)-\($0)", to: trail, on: loops[number]) }
            }
        }
        let all = Self.producers * Self.turns
        #expect(written.reduce(0, +) == all)
        follower.stop()
        #expect(trail.close())
        #expect(trail.counters.records == UInt64(2 * all))
        #expect(trail.backlog == 0)
        try await group.shutdownGracefully()

        var verifier = try AuditVerifier(start: .first)
        let directory = ShipDirectory(path: path)
        for listed in directory.catalog().newestFirst.reversed() {
            let file = try #require(directory.open(listed))
            while let line = file.nextLine(limit: .max, { Array($0) + [0x0A] }) { line.withUnsafeBytes { verifier.consume($0) } }
            verifier.endFile()
        }
        #expect(verifier.finding == nil)
        #expect(verifier.recordCount == 2 * all)
    }

    @Test("Batches of several lanes reach the writer whole, each lane's in order, and none is left counted")
    func inbox() async throws {
        let inbox = AuditInbox()
        let batches = 500
        let orderly = try await together(Self.producers + 1) { number in
            guard number == Self.producers else {
                for turn in 0..<batches {
                    var batch = AuditBatch()
                    let body = [UInt8](repeating: UInt8(truncatingIfNeeded: turn), count: 10)
                    body.withUnsafeBytes { batch.append(body: $0, duty: turn.isMultiple(of: 2) ? .awaited : .owed) }
                    guard case .taken(let spare) = inbox.deliver(batch, lane: number), spare.isEmpty else { return false }
                }
                return true
            }
            var next = [Int](repeating: 0, count: Self.producers)
            var isOrderly = true
            while next.reduce(0, +) < Self.producers * batches {
                let work = inbox.wait(doze: 0, deadline: nil)
                for delivery in work.deliveries {
                    delivery.batch.visit { body, _ in
                        isOrderly = isOrderly && body.allSatisfy { $0 == UInt8(truncatingIfNeeded: next[delivery.lane]) }
                    }
                    next[delivery.lane] += 1
                }
                inbox.recycle(work.deliveries)
            }
            return isOrderly
        }
        #expect(orderly.allSatisfy { $0 })
        #expect(inbox.pendingByteCount == 0)
    }

    @Test("Credentials that several ask for at once are fetched once, and every loop sees them")
    func keeper() async throws {
        let folder = TemporaryFolder()
        // A program, whose credentials are asked for again after a quarter of an hour only, however slow the machine is.
        let program = #"echo '{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s"}'"#
        folder.write("config", Array("[default]\ncredential_process = \(program)\n".utf8))
        let settings = CredentialSettings(
            name: "p",
            source: .profile(CredentialSettings.Profile(configFile: folder / "config", credentialsFile: folder / "credentials")))
        for _ in 0..<20 {
            let keeper = CredentialKeeper(settings, others: [:], logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
            let seen = try await together(6) { _ in
                keeper.start()
                let end = AuditInbox.milliseconds() + 60_000
                var generation = keeper.generation
                while keeper.live == nil, AuditInbox.milliseconds() < end {
                    _ = keeper.status(now: 0)
                    generation = keeper.generation
                }
                return keeper.live?.credentials.accessKeyID == "AKID" && keeper.generation >= generation
            }
            #expect(seen.allSatisfy { $0 })
            let status = keeper.status(now: 0)
            #expect(status.fetches == 1 && status.failures == 0 && status.isUsable)
            keeper.stop()
        }
    }
}

import GatewayCore
import Testing

@testable import Gateway

@Suite("The Deletion queue follows the trail")
struct TrailFollowerTests {
    private static let operation = AuditOperation(
        name: "DeletePhoneNumber", template: "/phone-numbers/{phoneNumberId}", parameters: ["phoneNumberId"], upstream: "chime",
        region: "us-east-1", limits: [])

    private static func deletion(_ number: String, days: Int64 = 0) -> AuditEntry {
        let time = Clock.wallMilliseconds() - days * 86_400_000
        var entry = AuditEntry(stage: .outcome, timeMilliseconds: time, id: Array("id \(number)".utf8)[...])
        entry.caller = AuditCaller(name: "<b>&\"billing", proof: "token")
        entry.operation = operation
        entry.subject = Array(number.utf8)[...]
        entry.state = .answered
        entry.status = 204
        return entry
    }

    private static func write(_ numbers: [(String, Int64)], to trail: AuditTrail) throws {
        var batch = AuditBatch()
        let encoder = try trail.makeEncoder()
        for (number, days) in numbers { batch.append(deletion(number, days: days), duty: .owed, encoder: encoder) }
        _ = trail.deliver(batch, link: 0)
    }

    private func seen(_ follower: TrailFollower, until isSeen: ([DeletionQueue.Entry], TrailFollower.Progress) -> Bool) async throws
        -> [DeletionQueue.Entry]
    {
        for _ in 0..<3000 {
            let (selection, progress) = follower.look { $0.select(limit: 100, now: Clock.wallMilliseconds()) }
            if isSeen(selection.entries, progress) { return selection.entries }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        Issue.record("it was not seen in 30 s")
        return []
    }

    @Test("What was deleted before the start is known, rotated files included, and so is what follows", arguments: [false, true])
    func follows(hasRotated: Bool) async throws {
        let folder = TemporaryFolder()
        var rule = AuditRule(path: folder / "t", sync: .never)
        if hasRotated { rule.rotation = AuditRotationRule(byteLimit: 1) }
        let old = try AuditTrail(rule: rule, instance: "g")
        try Self.write([("+12065550100", 8), ("+12065550101", 6), ("+12065550102", 0)], to: old)
        #expect(old.close())
        let trail = try AuditTrail(rule: rule, instance: "g")
        let follower = try #require(TrailFollower(path: folder / "t", positions: trail.positions))
        var entries = try await seen(follower) { $1.hasCaughtUp }
        #expect(entries.map(\.number) == ["+12065550102", "+12065550101"])
        #expect(entries.first?.caller == "<b>&\"billing" && entries.first?.id == "id +12065550102")
        try Self.write([("+12065550103", 0)], to: trail)
        entries = try await seen(follower) { entries, _ in entries.count == 3 }
        #expect(entries.first?.number == "+12065550103")
        follower.stop()
        #expect(trail.close())
    }

    @Test("Reading begins in the newest file that is old enough")
    func begins() async throws {
        let folder = TemporaryFolder()
        let rule = AuditRule(path: folder / "t", sync: .never, rotation: AuditRotationRule(byteLimit: 1))
        for days in [30, 20, 3] as [Int64] {
            let trail = try AuditTrail(rule: rule, instance: "g")
            try Self.write([("+12065550100", days), ("+12065550101", days)], to: trail)
            #expect(trail.close())
        }
        let week = Clock.wallMilliseconds() - 7 * 86_400_000
        #expect(ShipDirectory(path: folder / "t").cursor(before: week).sequence == 2)
        #expect(ShipDirectory(path: folder / "t").cursor(before: week - 90 * 86_400_000).sequence == 0)
        #expect(ShipDirectory(path: folder / "none").cursor(before: week) == ShipCursor())
    }
}

import Testing

@testable import GatewayCore

private let start: Int64 = 1_769_904_000_000
private let day: Int64 = 86_400_000

/// A record as the queue reads it; its time is so many milliseconds after the start.
private func record(
    _ sequence: UInt64, _ number: String, after: Int64 = 0, operation: String = "DeletePhoneNumber", status: Int = 204,
    state: String = "answered", stage: String = "outcome", caller: String = "billing"
) throws -> AuditFields {
    let time = RFC3339.string(milliseconds: start + after)
    let end =
        operation == "DeletePhoneNumber" && status == 204 && state == "answered"
        ? ",\"restorableUntil\":\"\(RFC3339.string(milliseconds: start + after + 7 * day))\"" : ""
    let line =
        "{\"v\":1,\"seq\":\(sequence),\"time\":\"\(time)\",\"stage\":\"\(stage)\",\"id\":\"id-\(sequence)\",\"caller\":{\"name\":\"\(caller)\"},"
        + "\"operation\":\"\(operation)\",\"subject\":{\"phoneNumberId\":\"\(number)\"},\"decision\":{\"state\":\"\(state)\"},\"status\":\(status)\(end)}"
    return try #require(Array(line.utf8).withUnsafeBytes { AuditFields($0) })
}

private let unanswered = "unknown: sent, no answer"

@Suite("The Deletion queue as the trail tells of it")
struct DeletionQueueTests {
    private func numbers(_ queue: DeletionQueue, now: Int64 = start, order: DeletionQueue.Order = .newest, text: String = "") -> [String] {
        queue.select(containing: text, order: order, limit: 100, now: now).entries.map(\.number)
    }

    @Test("An answered deletion is in it for seven days")
    func lifetime() throws {
        var queue = DeletionQueue()
        queue.take(try record(7, "+12065550100", after: 5), now: start)
        let entry = try #require(queue.select(limit: 1, now: start).entries.first)
        #expect(
            entry
                == DeletionQueue.Entry(
                    number: "+12065550100", caller: "billing", id: "id-7", sequence: 7, deleted: start + 5,
                    restorableUntil: start + 5 + 7 * day, certainty: .deleted))
        #expect(numbers(queue, now: start + 7 * day + 4) == ["+12065550100"])
        #expect(numbers(queue, now: start + 7 * day + 5) == [])
        queue.expire(now: start + 7 * day + 5)
        #expect(queue.select(limit: 1, now: start).heldCount == 0)
    }

    @Test(
        "Only an answered deletion or one without an answer counts",
        arguments: [
            ("outcome", "DeletePhoneNumber", 204, "answered", DeletionQueue.Certainty.deleted),
            ("outcome", "DeletePhoneNumber", 404, "answered", nil), ("outcome", "DeletePhoneNumber", 503, unanswered, .unknown),
            ("outcome", "DeletePhoneNumber", 503, "notSent", nil), ("outcome", "DeletePhoneNumber", 503, "refused-late", nil),
            ("intent", "DeletePhoneNumber", 0, "", nil), ("refusal", "DeletePhoneNumber", 403, "", nil),
            ("outcome", "GetPhoneNumber", 200, "answered", nil), ("outcome", "GetPhoneNumber", 504, unanswered, nil),
        ] as [(String, String, Int, String, DeletionQueue.Certainty?)])
    func whatCounts(stage: String, operation: String, status: Int, state: String, certainty: DeletionQueue.Certainty?) throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "+12065550100", operation: operation, status: status, state: state, stage: stage), now: start)
        #expect(queue.select(limit: 1, now: start).entries.first?.certainty == certainty)
    }

    @Test(
        "A restoration takes the number out, a failed one does not",
        arguments: [(200, true), (202, true), (404, false), (429, false)])
    func restoration(status: Int, isGone: Bool) throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "+12065550100"), now: start)
        queue.take(try record(2, "+12065550101"), now: start)
        queue.take(try record(3, "+12065550100", operation: "RestorePhoneNumber", status: status), now: start)
        #expect(numbers(queue).contains("+12065550100") != isGone)
        #expect(numbers(queue).contains("+12065550101"))
    }

    @Test("The last deletion of a number is the one that counts, and silence does not undo an answer")
    func again() throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "+12065550100"), now: start)
        queue.take(try record(2, "+12065550100", after: day, caller: "ops"), now: start)
        queue.take(try record(3, "+12065550100", after: 2 * day, status: 504, state: unanswered), now: start)
        let entries = queue.select(limit: 9, now: start).entries
        #expect(entries.map(\.sequence) == [2] && entries.first?.caller == "ops")
        queue.take(try record(4, "+12065550101", status: 504, state: unanswered), now: start)
        queue.take(try record(5, "+12065550101"), now: start)
        #expect(queue.select(limit: 9, now: start).entries.first?.certainty == .deleted)
    }

    @Test("Where last digits are shown, each deletion stands for itself and a restoration makes all of them doubtful")
    func lastDigits() throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "\u{2026}0100"), now: start)
        queue.take(try record(2, "\u{2026}0100"), now: start)
        queue.take(try record(3, "\u{2026}0101"), now: start)
        queue.take(try record(4, "\u{2026}0100", operation: "RestorePhoneNumber", status: 200), now: start)
        let entries = queue.select(limit: 9, now: start).entries
        #expect(entries.map(\.sequence) == [3, 2, 1])
        #expect(entries.map(\.certainty) == [.deleted, .perhapsRestored, .perhapsRestored])
    }

    @Test("What is too much is counted, and no longer than it can be restored")
    func bound() throws {
        var queue = DeletionQueue(capacity: 3)
        for number in 1...8 { queue.take(try record(UInt64(number), "+1206555010\(number)", after: Int64(number) * 60_000), now: start) }
        var selection = queue.select(limit: 2, now: start)
        #expect(selection.entries.map(\.sequence) == [8, 7])
        #expect(selection.heldCount == 3 && selection.matchCount == 3 && selection.omittedCount == 5)
        selection = queue.select(limit: 9, now: start + 7 * day + 3 * 60_000)
        #expect(selection.omittedCount == 2 && selection.heldCount == 3)
        queue.expire(now: start + 7 * day + 6 * 60_000)
        selection = queue.select(limit: 9, now: start + 7 * day + 6 * 60_000)
        #expect(selection.omittedCount == 0 && selection.heldCount == 2)
    }

    @Test("A number that comes again and again takes no more room")
    func repeated() throws {
        var queue = DeletionQueue(capacity: 2)
        for number in 1...5000 { queue.take(try record(UInt64(number), "+1206555010\(number % 2)"), now: start) }
        #expect(queue.placeCount <= 65)
        #expect(queue.select(limit: 9, now: start).omittedCount == 0)
        #expect(numbers(queue) == ["+12065550100", "+12065550101"])
    }

    @Test("It is searched by number, caller and id, and sorted by either end")
    func searching() throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "+12065550100", after: 2 * day), now: start)
        queue.take(try record(2, "+442070313000", after: day, caller: "ops"), now: start)
        #expect(numbers(queue) == ["+442070313000", "+12065550100"])
        #expect(numbers(queue, order: .expiring) == ["+442070313000", "+12065550100"])
        #expect(numbers(queue, text: "+44") == ["+442070313000"])
        #expect(numbers(queue, text: "bill") == ["+12065550100"])
        #expect(numbers(queue, text: "id-2") == ["+442070313000"])
        #expect(numbers(queue, text: "nobody") == [])
        #expect(queue.select(containing: "nobody", limit: 9, now: start).heldCount == 2)
    }

    @Test("What has run out is not taken, and neither is what has no number")
    func notTaken() throws {
        var queue = DeletionQueue()
        queue.take(try record(1, "+12065550100"), now: start + 7 * day)
        var fields = try record(2, "+12065550100")
        fields.subjects = []
        queue.take(fields, now: start)
        fields.subjects = ["null"]
        queue.take(fields, now: start)
        fields = try record(3, "+12065550100")
        fields.restorableUntil = "soon"
        queue.take(fields, now: start)
        #expect(numbers(queue) == [])
    }

    @Test(
        "Escapes mean what they mean, and damage stands for itself",
        arguments: [
            ("plain", "plain"), (#"a\"b\\c\/d"#, #"a"b\c/d"#), (#"\n\t\r\b\f"#, "\n\t\r\u{8}\u{C}"),
            (#"\u00e9\u003cscript>"#, "\u{E9}<script>"),
            (#"\ud83d\udcde"#, "\u{1F4DE}"), (#"\x\u12"#, #"\x\u12"#), (#"\u+123"#, #"\u+123"#), ("\\", "\\"), ("", ""),
        ])
    func unescaping(text: String, meaning: String) { #expect(JSONText.unescaped(text[...]) == meaning) }

    @Test("A name is found as a trail writes it", arguments: ["billing", "a\"b\\c", "\u{E9}\n", ""])
    func escaping(text: String) { #expect(JSONText.unescaped(AuditFields.escaped(text)[...]) == text) }
}

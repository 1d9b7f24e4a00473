import Testing

@testable import GatewayCore

@Suite struct ShipWindowTests {
    private func cursor(_ sequence: UInt64) -> ShipCursor { ShipCursor(sequence: sequence, identity: 9, offset: Int(sequence) * 100) }

    @Test func whatIsAcknowledgedSettlesAfterItsTime() {
        var window = ShipWindow(at: cursor(0), settleTime: 1000)
        window.send(through: cursor(1), records: 1, end: 100, oldest: 5, now: 0)
        window.send(through: cursor(3), records: 2, end: 300, oldest: 6, now: 0)
        #expect(window.isAwaiting && window.oldestUnacknowledged == 5 && window.bytesInFlight(sentTotal: 300) == 300)
        let result1 = window.acknowledge(99, now: 10)
        #expect(result1 == 0)
        let result2 = window.acknowledge(250, now: 20)
        #expect(result2 == 1)
        #expect(window.acknowledged == cursor(1) && window.oldestUnacknowledged == 6 && window.bytesInFlight(sentTotal: 300) == 50)
        let result3 = window.acknowledge(300, now: 500)
        #expect(result3 == 2)
        #expect(!window.isAwaiting && window.oldestUnacknowledged == nil && window.deadline == 1020)
        let result4 = window.settle(now: 1019)
        #expect(!result4 && window.settled == cursor(0))
        let result5 = window.settle(now: 1020)
        #expect(result5 && window.settled == cursor(1) && window.deadline == 1500)
        let result6 = window.settle(now: 1500)
        #expect(result6 && window.settled == cursor(3) && window.deadline == nil)
    }

    @Test func aBreakGoesBackToWhatHasSettledHoweverLongItLasts() {
        var window = ShipWindow(at: cursor(4), settleTime: 1000)
        window.send(through: cursor(5), records: 1, end: 100, oldest: nil, now: 0)
        _ = window.acknowledge(100, now: 0)
        let result7 = window.rewind()
        #expect(result7 == cursor(4))
        // A connection that never lives long enough settles nothing, though it acknowledges each time.
        for round: UInt64 in 1...5 {
            window.send(through: cursor(5), records: 1, end: 100, oldest: nil, now: round * 100_000)
            let result8 = window.acknowledge(100, now: round * 100_000)
            #expect(result8 == 1)
            let result9 = window.settle(now: round * 100_000 + 999)
            #expect(result9 == false)
            let result10 = window.rewind()
            #expect(result10 == cursor(4) && window.acknowledged == cursor(4) && window.sent == cursor(4))
        }
    }

    @Test func nothingSettlesWhileTheReceiverDoesNotReadNorSoonAfter() {
        var window = ShipWindow(at: cursor(0), settleTime: 1000)
        window.send(through: cursor(1), records: 1, end: 100, oldest: nil, now: 0)
        _ = window.acknowledge(100, now: 0)
        window.send(through: cursor(2), records: 1, end: 200, oldest: nil, now: 100)
        let result11 = window.settle(now: 5000)
        #expect(result11 == false)
        _ = window.acknowledge(200, now: 5100)
        let result12 = window.settle(now: 5999)
        #expect(!result12 && window.deadline == 6000)
        let result13 = window.settle(now: 6000)
        #expect(result13 && window.settled == cursor(1))
        let result14 = window.settle(now: 6100)
        #expect(result14 && window.settled == cursor(2))
    }

    @Test func behindMoreThanABufferHoldsRecordsSettleEvenSo() {
        var window = ShipWindow(at: cursor(0), settleTime: 1000)
        window.send(through: cursor(1), records: 1, end: 100, oldest: nil, now: 0)
        _ = window.acknowledge(100, now: 0)
        window.send(through: cursor(2), records: 1, end: 101 + ShipWindow.unreadByteLimit, oldest: nil, now: 200)
        _ = window.acknowledge(101 + ShipWindow.unreadByteLimit, now: 200)
        window.send(through: cursor(3), records: 1, end: 1 << 40, oldest: nil, now: 300)
        let result15 = window.settle(now: 5000)
        #expect(result15 && window.settled == cursor(1))
    }

    @Test func manyAcknowledgementsMakeFewMarks() {
        var window = ShipWindow(at: cursor(0), settleTime: 10_000)
        for sequence: UInt64 in 1...100_000 {
            window.send(through: cursor(sequence), records: 1, end: sequence, oldest: nil, now: sequence)
            _ = window.acknowledge(sequence, now: sequence)
            _ = window.settle(now: sequence)
            #expect(window.settled.sequence + 10_000 <= max(sequence, 10_000) + ShipWindow.joinMilliseconds)
        }
        #expect(window.settled.sequence > 89_800)
    }

    @Test func withoutAWaitWhatIsWrittenIsDelivered() {
        var window = ShipWindow(at: cursor(0), settleTime: 0)
        window.send(through: cursor(1), records: 1, end: 10, oldest: nil, now: 7)
        _ = window.acknowledge(10, now: 7)
        let result16 = window.settle(now: 7)
        #expect(result16 && window.settled == cursor(1))
    }
}

@Suite struct ShipConnectionTests {
    @Test func pausesGrowUpToALimitAndAreDrawnFromTheirUpperHalf() {
        var low = ShipBackoff()
        var high = ShipBackoff()
        let pauses = (0..<10).map { _ in (low.next(random: 0), high.next(random: 200_000_000)) }
        #expect(pauses.map(\.0) == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000])
        #expect(pauses.allSatisfy { $0.1 >= $0.0 && $0.1 <= 2 * $0.0 })
        low.reset()
        let result17 = low.next(random: 0)
        #expect(result17 == 100)
    }

    @Test func onlyNewsIsTold() {
        var connection = ShipConnection()
        #expect(connection.phase == .down(until: 0))
        connection.begin()
        let result18 = connection.fail("refused", now: 0, random: 0)
        #expect(result18)
        let result19 = connection.fail("refused", now: 0, random: 0)
        #expect(!result19)
        let result20 = connection.fail("no route", now: 0, random: 0)
        #expect(result20)
        connection.succeed()
        #expect(connection.phase == .up && connection.reason == nil && connection.connects == 1)
        let result21 = connection.fail("no route", now: 5, random: 0)
        #expect(result21 && connection.failures == 4)
    }

    @Test func aConnectionThatNeverProvedSoundIsTriedAgainEverMoreSlowly() {
        var connection = ShipConnection()
        var pauses: [UInt64] = []
        for _ in 0..<4 {
            connection.succeed()
            _ = connection.fail("alert", now: 0, random: 0)
            if case .down(let until) = connection.phase { pauses.append(until) }
        }
        #expect(pauses == [100, 200, 400, 800])
        connection.succeed()
        connection.proveSound()
        _ = connection.fail("alert", now: 0, random: 0)
        #expect(connection.phase == .down(until: 100))
    }
}

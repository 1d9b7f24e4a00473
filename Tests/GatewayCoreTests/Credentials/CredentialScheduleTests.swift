import Testing

@testable import GatewayCore

/// Virtual time: milliseconds from an arbitrary start.
@Suite struct CredentialScheduleTests {
    static let start: Int64 = 1_790_000_000_000
    static let minute: Int64 = 60_000

    @Test func fetchesAtOnceAndHasNothingBefore() {
        let schedule = CredentialSchedule(now: Self.start)
        #expect(schedule.nextFetch == Self.start && !schedule.isUsable(now: Self.start))
    }

    @Test(
        arguments: [
            // Life, earliest and latest moment of the next fetch after it began.
            (60 * minute, 60 * minute - 15 * minute * 5 / 4, 45 * minute),
            (720 * minute, 720 * minute - 15 * minute * 5 / 4, 705 * minute),
            (10_000, 3750, 5000), (1000, 375, 500), (2, 1, 2),
        ] as [(Int64, Int64, Int64)])
    func fetchesBeforeTheEndAtARandomMoment(life: Int64, earliest: Int64, latest: Int64) {
        var moments: Set<Int64> = []
        for random in stride(from: UInt64(0), to: 1_000_000_007, by: 10_000_019) {
            var schedule = CredentialSchedule(now: Self.start)
            let isGood = schedule.fetched(expiresAt: Self.start + life, recheck: nil, now: Self.start, random: random)
            #expect(isGood)
            let next = (schedule.nextFetch ?? 0) - Self.start
            #expect((earliest...latest).contains(next))
            moments.insert(next)
        }
        #expect(life < 1000 || moments.count > 20)
    }

    @Test func theEndIsTheEnd() {
        var schedule = CredentialSchedule(now: Self.start)
        #expect(schedule.fetched(expiresAt: Self.start + 10_000, recheck: nil, now: Self.start, random: 0) == true)
        #expect(schedule.isUsable(now: Self.start + 8999))
        #expect(!schedule.isUsable(now: Self.start + 9000))
        #expect(schedule.usableUntil == Self.start + 9000)
        #expect(schedule.fetched(expiresAt: Self.start + 60 * Self.minute, recheck: nil, now: Self.start, random: 0) == true)
        #expect(schedule.usableUntil == Self.start + 60 * Self.minute - 2000)
    }

    @Test func aFailureKeepsTheOldOnesAndComesBackLessAndLessOften() {
        var schedule = CredentialSchedule(now: Self.start)
        #expect(schedule.fetched(expiresAt: Self.start + 60 * Self.minute, recheck: nil, now: Self.start, random: 0) == true)
        var now = Self.start + 45 * Self.minute
        var waits: [Int64] = []
        for random in 0..<12 as Range<UInt64> {
            schedule.failed(now: now, random: random)
            let next = schedule.nextFetch ?? 0
            waits.append(next - now)
            now = next
        }
        #expect(waits.allSatisfy { $0 >= 250 && $0 <= 60_000 } && waits[0] < 500 && waits[11] >= 30_000)
        #expect(schedule.failures == 12 && schedule.isUsable(now: Self.start + 59 * Self.minute))
        #expect(schedule.fetched(expiresAt: now + 60 * Self.minute, recheck: nil, now: now, random: 0) == true)
        #expect(schedule.failures == 0)
    }

    @Test func whatHasEndedAlreadyIsAFailure() {
        var schedule = CredentialSchedule(now: Self.start)
        #expect(schedule.fetched(expiresAt: Self.start, recheck: nil, now: Self.start, random: 0) == false)
        #expect(schedule.failures == 1 && !schedule.hasCredentials && (schedule.nextFetch ?? 0) > Self.start)
    }

    @Test func whatDoesNotEndIsLookedAtAgainWhereItMayChange() {
        var schedule = CredentialSchedule(now: Self.start)
        #expect(schedule.fetched(expiresAt: nil, recheck: 5000, now: Self.start, random: 9) == true)
        #expect(schedule.nextFetch == Self.start + 5000 && schedule.isUsable(now: .max))
        #expect(schedule.fetched(expiresAt: nil, recheck: nil, now: Self.start, random: 9) == true)
        #expect(schedule.nextFetch == nil && schedule.usableUntil == nil)
    }

    /// Credentials of ten seconds for a day, every third fetch failing: never a moment without good ones.
    @Test func aShortLifeWithFailuresHasNoGap() {
        var schedule = CredentialSchedule(now: 0)
        var now: Int64 = 0
        var fetches: UInt64 = 0
        while now < 86_400_000 {
            now = max(now, schedule.nextFetch ?? .max)
            if fetches > 0 { #expect(schedule.isUsable(now: now), "gap at \(now)") }
            fetches += 1
            if fetches % 3 == 0 {
                schedule.failed(now: now, random: fetches &* 0x9E37_79B9)
            } else {
                _ = schedule.fetched(expiresAt: now + 10_000, recheck: nil, now: now, random: fetches &* 0x9E37_79B9)
            }
        }
        #expect(fetches > 86_400 / 10)
    }
}

import GatewayCore
import Testing

@testable import Gateway

@Suite("When a throttling upstream wants to be called again")
struct UpstreamThrottleTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT and a half second.
    static let now: Int64 = 784_111_777_500

    static func wait(_ fields: [(String, String)]) -> UInt64? {
        var section = FieldSection()
        for (name, value) in fields {
            Array(name.utf8).withUnsafeBytes { name in Array(value.utf8).withUnsafeBytes { section.append(name: name, value: $0) } }
        }
        return UpstreamThrottle(ResponseHead(fields: section, status: 429), wallMilliseconds: now).waitNanoseconds
    }

    static let millisecond: UInt64 = 1_000_000
    static let second: UInt64 = 1_000_000_000
    static let longest = 366 * 86_400 * second

    @Test(
        "Retry-After in seconds or as a date, x-amz-retry-after in milliseconds, the later of the two",
        arguments: [
            ([], nil), ([("Retry-After", "0")], 0), ([("Retry-After", "120")], 120 * second), ([("RETRY-AFTER", "1")], second),
            ([("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], 60 * second), ([("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], 0),
            ([("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], 0), ([("x-amz-retry-after", "1200")], 1200 * millisecond),
            ([("X-Amz-Retry-After", "1")], millisecond), ([("Retry-After", "1"), ("x-amz-retry-after", "1200")], 1200 * millisecond),
            ([("x-amz-retry-after", "1200"), ("Retry-After", "2")], 2 * second),
            ([("Retry-After", "1"), ("Retry-After", "3")], 3 * second),
            ([("x-amz-date", "5000")], nil), ([("x-amzn-requestid", "7")], nil),
        ] as [([(String, String)], UInt64?)])
    func words(fields: [(String, String)], expected: UInt64?) {
        #expect(Self.wait(fields) == expected)
    }

    @Test(
        "What cannot be read is no wait",
        arguments: ["", "soon", "-1", "1.5", "1,2", "0x10", "Sun Nov  6 08:50:37 1994", "99999999999999999999"])
    func unreadable(value: String) {
        #expect(Self.wait([("Retry-After", value)]) == nil)
        #expect(Self.wait([("x-amz-retry-after", value)]) == nil)
        #expect(Self.wait([("Retry-After", value), ("x-amz-retry-after", "5")]) == 5 * Self.millisecond)
    }

    @Test(
        "A wait beyond a year is a mistake, and no overflow",
        arguments: ["31622400", "31622401", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"])
    func longWait(value: String) {
        #expect(Self.wait([("Retry-After", value)]) == Self.longest)
    }

    @Test("So in milliseconds", arguments: ["31622400000", "18446744073709551615"])
    func longMilliseconds(value: String) {
        #expect(Self.wait([("x-amz-retry-after", value)]) == Self.longest)
    }
}

import Testing

@testable import GatewayCore

@Suite("Whether a silent connection is alive")
struct KeepAliveTests {
    enum Step {
        case heard(UInt64)
        case doubt(UInt64, KeepAlive.Action)
        case tick(UInt64, KeepAlive.Action)
    }

    /// Interval 30, timeout 10, made at 100.
    @Test(
        arguments: [
            ("asks after the interval and not before", [.tick(129, .none), .tick(130, .ping), .tick(131, .none)]),
            ("asks once", [.tick(130, .ping), .tick(135, .none), .tick(140, .none)]),
            ("is dead after the timeout", [.tick(130, .ping), .tick(140, .none), .tick(141, .dead), .tick(150, .dead)]),
            ("lives if anything comes", [.tick(130, .ping), .heard(139), .tick(141, .none), .tick(168, .none), .tick(169, .ping)]),
            ("is not asked while something comes", [.heard(120), .tick(149, .none), .heard(149), .tick(178, .none), .tick(179, .ping)]),
            ("asks at once when in doubt", [.doubt(105, .ping), .tick(115, .none), .tick(116, .dead)]),
            ("has no doubt while something comes", [.doubt(104, .none), .heard(110), .doubt(114, .none), .doubt(115, .ping)]),
            ("does not ask twice", [.tick(130, .ping), .doubt(135, .none), .tick(140, .none), .tick(141, .dead)]),
            ("is cleared of doubt", [.doubt(105, .ping), .heard(106), .tick(120, .none), .tick(136, .ping)]),
            ("minds no clock that stands still", [.tick(100, .none), .tick(130, .ping), .tick(130, .none)]),
            ("is not upset by a time that is earlier", [.tick(90, .none), .tick(130, .ping), .tick(90, .none)]),
        ] as [(String, [Step])])
    func script(name: String, steps: [Step]) {
        var keepAlive = KeepAlive(interval: 30, timeout: 10, now: 100)
        for step in steps {
            switch step {
            case .heard(let now): keepAlive.heard(now: now)
            case .doubt(let now, let action): #expect(keepAlive.doubt(now: now, silence: 5) == action, "\(name) at \(now)")
            case .tick(let now, let action): #expect(keepAlive.tick(now: now) == action, "\(name) at \(now)")
            }
        }
    }

    @Test("Is suspect when request and PING both wait in vain, until the next byte")
    func suspicion() {
        var keepAlive = KeepAlive(interval: 30, timeout: 10, now: 100)
        keepAlive.requestTimedOut()
        #expect(!keepAlive.isSuspect)
        #expect(keepAlive.tick(now: 130) == .ping)
        #expect(!keepAlive.isSuspect)
        keepAlive.requestTimedOut()
        #expect(keepAlive.isSuspect)
        keepAlive.heard(now: 132)
        #expect(!keepAlive.isSuspect)
    }
}

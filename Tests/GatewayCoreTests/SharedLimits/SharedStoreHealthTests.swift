import Testing

@testable import GatewayCore

@Suite("Shared limits: the store's health")
struct SharedStoreHealthTests {
    @Test("Probes come ever more seldom, up to a second apart")
    func backOff() {
        var health = SharedStoreHealth()
        var now: UInt64 = 0
        var waits: [UInt64] = []
        for _ in 0..<7 {
            #expect(!health.isUp)
            let next = health.failed(now: now)
            #expect(health.phase == .down(until: next))
            waits.append((next - now) / 1_000_000)
            now = next
            health.probing()
        }
        #expect(waits == [50, 100, 200, 400, 800, 1000, 1000])
    }

    @Test("Only an answer to a request lets the next failure be probed soon", arguments: [(false, 100), (true, 50)] as [(Bool, UInt64)])
    func recovery(answers: Bool, milliseconds: UInt64) {
        var health = SharedStoreHealth()
        _ = health.failed(now: 0)
        health.probing()
        health.probed()
        #expect(health.isUp)
        if answers { health.answered() }
        #expect(health.failed(now: 0) == milliseconds * 1_000_000)
        #expect(!health.isUp)
    }
}

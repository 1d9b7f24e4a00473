import GatewayConfig
import GatewayCore
import Logging
import NIOCore
import Wire

/// The Redis or Valkey that counts for several gateways: one pipelined connection for each event loop, and what is known of its health.
///
/// Outlives reloads as long as its settings stay the same. `close` it in the end.
final class SharedLimitStore: Sendable {
    let settings: LimitStoreSettings
    let counters = StoreCounters()
    private let links: [NIOLoopBoundBox<StoreLink>]

    /// Makes ready, but connects nowhere yet.
    /// - Throws: `StartError` where TLS cannot be set up.
    init(settings: LimitStoreSettings, loops: [any EventLoop], logger: Logger) throws(StartError) {
        self.settings = settings
        var tls: TLSClientContext?
        if settings.usesTLS {
            do { tls = try TLSClientContext() } catch { throw StartError("limitStore.redis: \(error.sentence)") }
        }
        let target = StoreTarget(settings: settings, tls: tls)
        let voice = StoreVoice(address: settings.shownAddress, rule: settings.onStoreFailure, connections: loops.count, logger: logger)
        let counters = counters
        links = loops.map { loop in
            .makeBoxSendingValue(StoreLink(target: target, loop: loop, counters: counters, voice: voice), eventLoop: loop)
        }
    }

    /// Connects on every loop. Done when each has a connection or a first failure, so that a gateway does not begin by counting alone for
    /// want of a few milliseconds.
    func connect() async {
        let attempts = links.map { link in
            let first = link.eventLoop.makePromise(of: Void.self)
            link.eventLoop.execute { link.value.connect(first: first) }
            return first.futureResult
        }
        for attempt in attempts { try? await attempt.get() }
    }

    /// The connection of a loop. On that loop.
    func link(on loop: any EventLoop) -> StoreLink? {
        links.first { $0.eventLoop === loop }?.value
    }

    /// Ends every connection; whoever waits for an answer is decided without it.
    func close() {
        for link in links { link.eventLoop.execute { link.value.close() } }
    }

    func snapshot() -> StoreSnapshot {
        counters.snapshot(connections: links.count, rule: settings.onStoreFailure.rawValue, address: settings.shownAddress)
    }
}

/// Where the store is and how it is spoken to.
struct StoreTarget: Sendable {
    let settings: LimitStoreSettings
    /// nil for `redis://`.
    let tls: TLSClientContext?
}

extension LimitStoreSettings {
    /// The address without user and password.
    var shownAddress: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return "\(usesTLS ? "rediss" : "redis")://\(host):\(port)/\(database)"
    }
}

import GatewayConfig
import Logging

extension GatewayServer {
    func open(_ settings: ListenerSettings, at position: Int, under runtime: GatewayRuntime) async throws -> Listener {
        let descriptor = inherited.descriptor(for: settings.bind)
        let opened = try await Listener.open(
            settings, tls: runtime.listenerTLS[position], position: position, group: group, workers: workers, inherited: descriptor)
        var metadata: Logger.Metadata = ["listener": .string(opened.address), "tls": .stringConvertible(settings.tls != nil)]
        if descriptor != nil { metadata["socket"] = "inherited" }
        logger.info("listening", metadata: metadata)
        return opened
    }

    /// All of them, or none.
    func openListeners(_ positions: [Int], under runtime: GatewayRuntime) async throws {
        var opened: [Listener] = []
        do {
            for position in positions { opened.append(try await open(runtime.settings.listeners[position], at: position, under: runtime)) }
        } catch {
            for listener in opened { await listener.close() }
            throw error
        }
        for listener in opened { await state.add(listener) }
    }

    /// Stops accepting there; connections that came that way end as in a drain, with the answer that is under way or at once.
    func closeListeners(_ positions: [Int]) async {
        for listener in await state.removeListeners(positions) {
            await listener.close()
            _ = try? await workers.onEach { $0.retire(listener.settings.bind) }
            logger.info("no longer listening", metadata: ["listener": .string(listener.address)])
        }
    }
}

import GatewayConfig

/// The certificates, keys and lists that a configuration names, loaded and checked against each other as a start would, and not used.
public struct TLSFiles: Sendable {
    /// What would keep the gateway from starting: one sentence each, with the file and without secrets.
    public private(set) var mistakes: [String] = []
    /// What is doubtful and keeps nobody from starting.
    public private(set) var doubts: [String] = []

    public init(_ settings: Settings) {
        for listener in settings.listeners {
            do {
                guard let context = try GatewayRuntime.serverContext(listener) else { continue }
                doubts += context.warnings.map { "listeners \(listener.bind): \($0)" }
            } catch {
                mistakes.append(error.description)
            }
        }
        for upstream in settings.upstreams {
            do { _ = try GatewayRuntime.clientContext(upstream) } catch { mistakes.append(error.description) }
        }
    }
}

/// Gives a service manager the signs of life that it asks for (sd_watchdog_enabled(3)), as long as every event loop takes its turn: where one
/// is stuck, its callers wait for ever, and a new process would serve them.
struct Watchdog: Sendable {
    let workers: WorkerTable
    let notifier: ServiceNotifier
    /// Within which the manager wants a sign.
    let nanoseconds: UInt64

    /// Until the task is cancelled. Twice as often as needed, as the manual has it.
    func run() async {
        repeat {
            if await workers.takeTurns() { notifier.isAlive() }
        } while (try? await Task.sleep(nanoseconds: nanoseconds / 2)) != nil
    }
}

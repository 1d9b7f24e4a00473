import GatewayConfig
import Logging

/// Reads the configuration again, as it was read at the start.
public typealias ConfigurationSource = @Sendable () throws -> Settings

/// Why a configuration is read again.
public enum ReloadCause: Sendable {
    case signal
    /// Paths of files that have changed.
    case files([String])

    var text: String {
        switch self {
        case .signal: "SIGHUP"
        case .files(let paths): "changed: " + paths.joined(separator: ", ")
        }
    }
}

/// What operators see of the configuration in force and of the last attempt to replace it.
struct ReloadStatus: Sendable, Equatable {
    /// As `Settings.digest`.
    var digest: String
    /// When the configuration in force was taken, since 1970.
    var takenMilliseconds: Int64
    var failures = 0
    /// Why the last attempt failed, every mistake of it; nil where it did not.
    var lastFailure: String?
    var lastFailureMilliseconds: Int64 = 0

    mutating func took(_ digest: String, at now: Int64) {
        self.digest = digest
        takenMilliseconds = now
        lastFailure = nil
    }

    mutating func failed(_ mistakes: String, at now: Int64) {
        failures += 1
        lastFailure = mistakes
        lastFailureMilliseconds = now
    }
}

extension GatewayServer {
    private static let lookNanoseconds: UInt64 = 1_000_000_000

    /// Reads the configuration and takes it without dropping a request, or says what is wrong with it and goes on with the old one.
    ///
    /// - Returns: whether it was taken.
    @discardableResult
    public func reload(_ cause: ReloadCause, from source: @escaping ConfigurationSource) async -> Bool {
        let taken = try? await inTurn { [self] in
            ServiceNotifier.shared?.reloading()
            defer { ServiceNotifier.shared?.ready() }
            let known = await state.watchedPaths
            // Before the files are read: what changes during the reading is seen by the next look.
            let stamps = FileWatch.stamps(of: known)
            do {
                let settings = try source()
                await state.watch(settings.sourceFiles, read: stamps)
                for warning in settings.warnings { logger.warning("configuration", metadata: ["cause": .string("\(warning)")]) }
                let old = await state.runtime.settings
                try await replace(with: settings)
                log(SettingsChanges(from: old, to: settings), cause: cause, digest: settings.digest)
                return true
            } catch {
                if let errors = error as? ConfigurationErrors {
                    // A file that is missing now may be what is waited for.
                    await state.watch(known.union(errors.sourceFiles), read: stamps)
                } else {
                    await state.watch(known, read: stamps)
                }
                await state.reloadFailed("\(error)")
                logger.error(
                    "configuration not reloaded, the old one stays",
                    metadata: ["cause": .string("\(error)"), "trigger": .string(cause.text)])
                return false
            }
        }
        return taken ?? false
    }

    private func log(_ changes: SettingsChanges, cause: ReloadCause, digest: String) {
        var metadata: Logger.Metadata = ["trigger": .string(cause.text), "configuration": .string(digest)]
        for section in changes.sections { metadata[section.name] = .string(section.description) }
        if changes.sections.isEmpty { metadata["changes"] = "none but what the files hold that it names" }
        logger.info("configuration reloaded", metadata: metadata)
    }

    /// Takes changes of the configuration's files as they come, until the task is cancelled. Where the configuration says `"watch": false`
    /// nothing is looked at until a reload says otherwise.
    public func watchFiles(_ source: @escaping ConfigurationSource) async {
        while (try? await Task.sleep(nanoseconds: Self.lookNanoseconds)) != nil {
            guard await state.runtime.settings.watchesFiles else { continue }
            let stamps = FileWatch.stamps(of: await state.watchedPaths)
            let changed = await state.look(stamps)
            if !changed.isEmpty { await reload(.files(changed), from: source) }
        }
    }

    /// Gives a service manager the signs of life that it asks for, as long as every event loop takes its turn.
    public func keepWatchdogQuiet() async {
        guard let notifier = ServiceNotifier.shared, let interval = notifier.watchdogNanoseconds else {
            return await Self.untilCancelled()
        }
        await Watchdog(workers: workers, notifier: notifier, nanoseconds: interval).run()
    }

    private static func untilCancelled() async {
        while (try? await Task.sleep(nanoseconds: 3_600_000_000_000)) != nil {}
    }
}

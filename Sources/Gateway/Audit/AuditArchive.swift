import GatewayCore
import Glibc
import Synchronization

/// What becomes of rotated files: compressed, and taken away beyond the number that is kept. On a thread of its own with low priority,
/// which runs only while there is something to do.
///
/// Files that other programs rotated or compressed are left alone: only names that `AuditRotation` gives are touched.
final class AuditArchive: Sendable {
    private let rule: AuditRotationRule
    private let paths: [String]
    private let report: @Sendable (_ path: String, AuditFileError) -> Void
    private let state = Mutex(State())
    private let isCancelled = Atomic<Bool>(false)

    private struct State {
        var thread: pthread_t?
        var isRunning = false
        var isWanted = false
    }

    /// - Parameters:
    ///   - paths: the trail, and its mirror.
    ///   - report: told what went wrong; the file stays as it was, to be tried again after the next rotation.
    init(rule: AuditRotationRule, paths: [String], report: @escaping @Sendable (_ path: String, AuditFileError) -> Void) {
        self.rule = rule
        self.paths = paths
        self.report = report
    }

    /// Looks through the files soon. At the start, for what a crash left half done, and after each rotation.
    func request() {
        guard rule.compresses || rule.keptFileCount != nil else { return }
        let finished = state.withLock { state -> pthread_t? in
            state.isWanted = true
            guard !state.isRunning else { return nil }
            let finished = state.thread
            state.thread = try? BackgroundThread.start { [self] in run() }
            state.isRunning = state.thread != nil
            return finished
        }
        if let finished { pthread_join(finished, nil) }
    }

    /// Gives up what is under way, which is done at the next start, and waits for the thread.
    func stop() {
        isCancelled.store(true, ordering: .relaxed)
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    private func run() {
        // On Linux this is the priority of the thread alone (setpriority(2), notes): requests go first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        while state.withLock({ state in
            state.isRunning = state.isWanted && !isCancelled.load(ordering: .relaxed)
            state.isWanted = false
            return state.isRunning
        }) {
            for path in paths { sweep(path) }
        }
    }

    private func sweep(_ path: String) {
        let place = AuditPredecessor(path: path)
        var names = place.siblings().filter { $0.hasPrefix(place.name) }
        // Left by a crash in the middle.
        for name in names where name.hasSuffix(".gz.tmp") && AuditRotation.isSuffix(name.dropFirst(place.name.utf8.count).dropLast(4)) {
            unlink(place.directory + "/" + name)
        }
        names = names.filter { AuditRotation.isSuffix($0.dropFirst(place.name.utf8.count)) }.sorted()
        if let kept = rule.keptFileCount {
            // A file and its compressed copy, which a crash may leave side by side, are one.
            let whole = Set(names.map(AuditArchive.plain)).sorted()
            for old in whole.dropLast(kept) {
                names.removeAll { AuditArchive.plain($0) == old }
                for name in [old, old + ".gz"] { unlink(place.directory + "/" + name) }
            }
        }
        guard rule.compresses else { return }
        for name in names where !name.hasSuffix(".gz") {
            do throws(AuditFileError) {
                let isDone = try AuditGzipWriter.compress(place.directory + "/" + name) { isCancelled.load(ordering: .relaxed) }
                if !isDone { return }
            } catch {
                report(place.directory + "/" + name, error)
            }
        }
    }

    private static func plain(_ name: String) -> String { name.hasSuffix(".gz") ? String(name.dropLast(3)) : name }
}

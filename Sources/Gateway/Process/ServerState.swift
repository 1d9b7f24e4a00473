import GatewayConfig

/// What changes while the process runs, apart from what loops own.
actor ServerState {
    private(set) var runtime: GatewayRuntime
    private(set) var listeners: [Listener] = []
    private(set) var admin: AdminServer?
    private(set) var shipping: AuditShipping?
    /// nil where there is no trail, or no admin listener.
    private(set) var follower: TrailFollower?
    /// Of configurations that were replaced, while requests under them are under way.
    private(set) var retiredTrails: [AuditTrail] = []
    private(set) var reloadStatus: ReloadStatus
    private var watch: FileWatch
    private(set) var watchedPaths: Set<String>
    private(set) var isReady = false
    private(set) var isDraining = false
    let loops: Int
    let freeze: FreezeSwitch
    let started = Clock.wallMilliseconds()
    private(set) var reloads = 0

    init(runtime: GatewayRuntime, loops: Int, freeze: FreezeSwitch) {
        self.runtime = runtime
        self.loops = loops
        self.freeze = freeze
        reloadStatus = ReloadStatus(digest: runtime.settings.digest, takenMilliseconds: started)
        watchedPaths = Set(runtime.settings.sourceFiles)
        watch = FileWatch(stamps: FileWatch.stamps(of: runtime.settings.sourceFiles))
    }

    func add(_ listener: Listener) { listeners.append(listener) }

    func removeListeners(_ positions: [Int]) -> [Listener] {
        let removed = positions.map { listeners[$0] }
        listeners.removeAll { listener in removed.contains { $0 === listener } }
        return removed
    }

    func add(retired trail: AuditTrail) { retiredTrails.append(trail) }
    func remove(retired trail: AuditTrail) { retiredTrails.removeAll { $0 === trail } }
    func set(admin: AdminServer) { self.admin = admin }
    func set(shipping: AuditShipping?) { self.shipping = shipping }
    func set(follower: TrailFollower?) { self.follower = follower }
    func becomeReady() { isReady = true }

    func replace(_ runtime: GatewayRuntime) {
        self.runtime = runtime
        reloads += 1
        reloadStatus.took(runtime.settings.digest, at: Clock.wallMilliseconds())
    }

    func reloadFailed(_ mistakes: String) { reloadStatus.failed(mistakes, at: Clock.wallMilliseconds()) }

    /// The paths whose files have changed and are to be read again.
    func look(_ stamps: [String: FileStamp]) -> [String] { watch.look(stamps) }

    /// Watches `paths` from now on. `stamps` were taken before the files were read; files that were not known then are as they are now.
    func watch(_ paths: some Sequence<String>, read stamps: [String: FileStamp]) {
        let paths = Set(paths)
        let new = FileWatch.stamps(of: paths.subtracting(watchedPaths))
        watchedPaths = paths
        watch.forget(allBut: paths, reading: stamps.merging(new) { old, _ in old })
    }

    func beginDrain() -> DrainSettings {
        isDraining = true
        return runtime.settings.drain
    }
}

/// Lets one configuration be taken at a time, in the order in which they came.
actor Turns {
    private var last: Task<Void, Never>?

    func take<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let previous = last
        let mine = Task {
            await previous?.value
            return try await body()
        }
        last = Task { _ = await mine.result }
        return try await mine.value
    }
}

import Glibc
import NIOPosix
import Testing

@testable import Gateway

/// A service manager's end: a datagram socket, by a path or in the abstract namespace.
private final class Manager: Sendable {
    let descriptor: CInt

    init(_ name: [UInt8]) {
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        #expect(result == 0)
    }

    deinit { close(descriptor) }

    /// The next thing that it is told; nil where nothing comes for so long.
    func next(milliseconds: CInt = 60_000) -> String? {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, milliseconds) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

@Suite struct ServiceNotifierTests {
    private let folder = TemporaryFolder()

    @Test(arguments: ["", "/", "@", "run/notify", "vsock:2:1234", "/" + String(repeating: "a", count: 107)])
    func namesThatAreNoSocketAreNotUsed(socket: String) { #expect(ServiceNotifier(socket: socket) == nil) }

    @Test(
        arguments: [
            (nil, nil), (0, nil), (1, 1000), (30_000_000, 30_000_000_000), (.max, nil), (UInt64.max / 1000, nil),
        ] as [(UInt64?, UInt64?)])
    func theWatchdogsTime(microseconds: UInt64?, nanoseconds: UInt64?) {
        #expect(ServiceNotifier(socket: "/run/notify", watchdogMicroseconds: microseconds)?.watchdogNanoseconds == nanoseconds)
    }

    @Test func aManagerIsTold() throws {
        let manager = Manager(Array((folder / "notify").utf8))
        let notifier = try #require(ServiceNotifier(socket: folder / "notify"))
        notifier.ready()
        #expect(manager.next() == "READY=1")
        notifier.stopping()
        #expect(manager.next() == "STOPPING=1")
        notifier.isAlive()
        #expect(manager.next() == "WATCHDOG=1")
        let before = Clock.monotonicNanoseconds() / 1000
        notifier.reloading()
        let lines = try #require(manager.next()).split(separator: "\n")
        #expect(lines.first == "RELOADING=1" && lines.count == 2)
        let time = try #require(lines.last?.split(separator: "=").last.flatMap { UInt64($0) })
        #expect(lines.last?.hasPrefix("MONOTONIC_USEC=") == true)
        #expect((before...Clock.monotonicNanoseconds() / 1000).contains(time))
    }

    @Test func soIsOneInTheAbstractNamespace() throws {
        let name = "countersign-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let manager = Manager([0] + Array(name.utf8))
        try #require(ServiceNotifier(socket: "@" + name)).ready()
        #expect(manager.next() == "READY=1")
    }

    @Test func aManagerThatIsNotThereIsNoFault() throws {
        try #require(ServiceNotifier(socket: folder / "nobody")).ready()
    }
}

/// Signs of life come while every event loop turns, and only then.
@Suite struct WatchdogTests {
    private let folder = TemporaryFolder()

    @Test(.timeLimit(.minutes(5)))
    func aStuckLoopStopsThem() async throws {
        let manager = Manager(Array((folder / "notify").utf8))
        let notifier = try #require(ServiceNotifier(socket: folder / "notify"))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let loops = Array(group.makeIterator())
        let workers = WorkerTable([], loops: loops)
        let watchdog = Task { await Watchdog(workers: workers, notifier: notifier, nanoseconds: 20_000_000).run() }
        for _ in 0..<3 { #expect(await told(manager) == "WATCHDOG=1") }

        // One of the three waits for a byte that does not come.
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer { for end in [reading, writing] { close(end) } }
        let isStuck = loops[0].makePromise(of: Void.self)
        loops[1].execute {
            isStuck.succeed()
            var byte: UInt8 = 0
            _ = read(reading, &byte, 1)
        }
        try await isStuck.futureResult.get()
        // What was said before is heard out, and a turn that had begun before may end after it; then nothing comes any more.
        var late = 0
        while late < 1000, await told(manager, milliseconds: 1000) != nil { late += 1 }
        #expect(late < 1000)

        var byte: UInt8 = 0
        #expect(write(writing, &byte, 1) == 1)
        #expect(await told(manager) == "WATCHDOG=1")
        // And none once the loops have ended.
        workers.close()
        #expect(await workers.takeTurns() == false)
        watchdog.cancel()
        await watchdog.value
        try await group.shutdownGracefully()
    }

    /// Waits on a thread that may block.
    private func told(_ manager: Manager, milliseconds: CInt = 60_000) async -> String? {
        try? await NIOThreadPool.singleton.runIfActive { manager.next(milliseconds: milliseconds) }
    }
}

import Glibc
import NIOCore

/// What the allocator keeps of memory that was freed. Small pieces stay with the process until one at the top of the heap is free, which may
/// be never: a crowd of connections that has gone would count as memory in use for good.
enum FreedMemory {
    /// Those who leave together have left by then.
    private static let delay = TimeAmount.seconds(1)

    /// malloc_trim(3): glibc has it, Swift's module of glibc leaves its header out.
    private static let trim = dlsym(nil, "malloc_trim").map { unsafeBitCast($0, to: (@convention(c) (Int) -> CInt).self) }

    /// Gives whole pages back to the system, a second later and on a thread of its own: it looks through every heap.
    static func giveBack(on loop: any EventLoop) {
        guard let trim else { return }
        loop.scheduleTask(in: delay) {
            guard let thread = try? BackgroundThread.start({ _ = trim(0) }) else { return }
            pthread_detach(thread)
        }
    }
}

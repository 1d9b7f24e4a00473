import GatewayCore
import Glibc
import Wire

/// One connection to a destination. Never blocks; used by one thread.
protocol ShipTransport: AnyObject {
    /// How records are written; nil for the JSON lines as they are.
    var framing: SyslogFraming? { get }
    /// For `poll`.
    var descriptor: Int32 { get }
    /// What `poll` has to wait for beside output; 0 where nothing comes in.
    var inputEvents: Int16 { get }
    /// Whether something waits to be written.
    var hasOutput: Bool { get }
    /// Bytes given to the connection since it began.
    var total: UInt64 { get }
    /// Messages that no datagram can hold.
    var tooLarge: UInt64 { get }

    /// Takes messages, each a record's; `ends` are their ends in `bytes`.
    func enqueue(_ bytes: [UInt8], ends: [Int]) throws(ConnectionFailure)
    /// Writes what can be written now.
    func flush() throws(ConnectionFailure)
    /// Takes what the peer says (nothing, usually), and notices its end.
    func readInput() throws(ConnectionFailure)
    /// How many of `total` bytes the other side has for certain, as far as the system can tell.
    func acknowledged() throws(ConnectionFailure) -> UInt64
    /// Says goodbye, where the form has a word for it, and closes.
    func close()
}

extension ShipTransport {
    var tooLarge: UInt64 { 0 }
}

/// Bytes on their way into a descriptor.
struct ShipOutputQueue {
    private var bytes: [UInt8] = []
    private var head = 0

    var isEmpty: Bool { head == bytes.count }

    mutating func append(_ more: some Sequence<UInt8>) {
        if isEmpty {
            bytes.removeAll(keepingCapacity: bytes.capacity < 1 << 20)
            head = 0
        }
        bytes.append(contentsOf: more)
    }

    /// Writes with `call`, which takes bytes as write(2) does, until nothing is left or it would block.
    mutating func drain(most: Int = .max, _ call: (UnsafeRawBufferPointer) -> Int) throws(ConnectionFailure) {
        while head < bytes.count {
            let end = bytes.count - head > most ? head + most : bytes.count
            let count = bytes.withUnsafeBytes { call(UnsafeRawBufferPointer(rebasing: $0[head..<end])) }
            if count >= 0 {
                head += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                return
            } else if errno != EINTR {
                throw ConnectionFailure(errno, call: "write")
            }
        }
    }
}

/// The standard output: what it has taken counts as delivered.
final class ShipStandardOutput: ShipTransport {
    let framing: SyslogFraming? = nil
    let descriptor: Int32
    let inputEvents: Int16 = 0
    private(set) var total: UInt64 = 0
    private var queue = ShipOutputQueue()
    private var written: UInt64 = 0

    init(descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    var hasOutput: Bool { !queue.isEmpty }

    func enqueue(_ bytes: [UInt8], ends: [Int]) {
        queue.append(bytes)
        total += UInt64(bytes.count)
    }

    func flush() throws(ConnectionFailure) {
        // The descriptor is shared with others, so it must stay blocking; what poll(2) announces for a pipe has room for PIPE_BUF bytes.
        try queue.drain(most: 4096) { bytes in
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&wait, 1, 0) == 1 else {
                errno = EAGAIN
                return -1
            }
            let count = write(descriptor, bytes.baseAddress, bytes.count)
            if count > 0 { written += UInt64(count) }
            return count
        }
    }

    func readInput() {}

    func acknowledged() -> UInt64 { written }

    func close() {}
}

import GatewayCore
import Glibc

/// A connected unix datagram socket, as `/dev/log` is: one message, one datagram.
final class ShipDatagrams: ShipTransport {
    let framing: SyslogFraming? = .datagram
    let descriptor: Int32
    /// Nothing comes in; a peer that is gone is told by the next send.
    let inputEvents: Int16 = 0
    private(set) var total: UInt64 = 0
    private(set) var tooLarge: UInt64 = 0
    private var messages: [[UInt8]] = []
    private var head = 0
    private var written: UInt64 = 0
    private var lastAcknowledged: UInt64 = 0

    /// Owns `descriptor`, which must not block.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    var hasOutput: Bool { head < messages.count }

    func enqueue(_ bytes: [UInt8], ends: [Int]) {
        messages.removeFirst(head)
        head = 0
        var start = 0
        for end in ends {
            messages.append(Array(bytes[start..<end]))
            start = end
        }
        total += UInt64(bytes.count)
    }

    func flush() throws(ConnectionFailure) {
        while head < messages.count {
            let message = messages[head]
            let count = message.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS { return }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno != EMSGSIZE { throw ConnectionFailure(errno, call: "send") }
            if count < 0 { tooLarge += 1 }
            written += UInt64(message.count)
            head += 1
        }
    }

    func readInput() {}

    func acknowledged() -> UInt64 {
        if UnixQueue.isEmpty(descriptor) { lastAcknowledged = written }
        return lastAcknowledged
    }

    func close() {}
}

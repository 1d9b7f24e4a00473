import Glibc
import NIOCore

/// The kernel's `struct tcp_info` (linux/tcp.h) up to `tcpi_bytes_retrans`, as 64-bit words. The C library's own header knows only its first
/// 104 bytes, and the counters that matter here come later.
struct TCPInformation {
    /// `TCP_INFO` of linux/tcp.h.
    static let optionName = NIOBSDSocket.Option(rawValue: 11)

    private typealias Words8 = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    private var words0to7: Words8 = (0, 0, 0, 0, 0, 0, 0, 0)
    private var words8to14: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
    /// Byte 120: bytes acknowledged by the peer's kernel, the SYN counted as one.
    private var bytesAcknowledged: UInt64 = 0
    private var words16to24: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0, 0)
    /// Byte 200, Linux 4.19 and later.
    private var bytesSent: UInt64 = 0
    private var bytesRetransmitted: UInt64 = 0

    /// Whether something that was sent has not been acknowledged.
    ///
    /// After a FIN from the peer this proves that no process there has read all that was sent: the FIN carries an acknowledgement of every
    /// byte received before it (RFC 9293 section 3.10.7.4), and what arrives after `close` is answered with a reset. A reset alone proves nothing.
    var hasUnacknowledgedBytes: Bool { unacknowledgedBytes > 0 }

    /// Bytes at the end of what was sent that the peer's kernel has not taken, or has not said so.
    var unacknowledgedBytes: UInt64 {
        let sent = bytesSent &- bytesRetransmitted
        return sent > acknowledgedBytes ? sent - acknowledgedBytes : 0
    }

    /// A FIN or a reset has come from the peer: its state is neither being opened nor one in which this side alone may have ended
    /// (enum in net/tcp_states.h: 1 to 5 are ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2; byte 0 is `tcpi_state`).
    var peerHasEnded: Bool { UInt8(truncatingIfNeeded: UInt64(littleEndian: words0to7.0)) > 5 }

    /// Bytes that the peer's kernel has taken.
    var acknowledgedBytes: UInt64 { bytesAcknowledged > 0 ? bytesAcknowledged - 1 : 0 }

    /// The same of a connected socket; nil where the system does not say, with the cause in `errno`.
    static func acknowledgedBytes(of descriptor: Int32) -> UInt64? {
        var information = TCPInformation()
        var size = socklen_t(MemoryLayout<TCPInformation>.size)
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), optionName.rawValue, &information, &size) == 0 else { return nil }
        // A kernel before 4.1 gives less, and a zero there would never grow.
        guard size >= 128 else {
            errno = ENOPROTOOPT
            return nil
        }
        return information.acknowledgedBytes
    }
}

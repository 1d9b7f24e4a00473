import Glibc
import NIOCore

/// How a listener's socket is given up without losing the connections in its queue, which the kernel would reset (tcp(7), unix(7)).
enum ListeningSocket {
    /// Several sockets of one user may hold one address (socket(7)).
    static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)
    /// `asm-generic/socket.h`.
    private static let attachReusePortFilter: CInt = 51

    /// Whether a connection waits to be accepted.
    static func hasWaiting(_ descriptor: CInt) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLIN) != 0
    }

    /// Has the kernel give new connections to the socket that joined this one's address last, the successor's. Where there is none, nothing
    /// changes. Sockets that share an address stand in a list in the order in which they came, and a program of classic BPF chooses
    /// one by its index; an index that is not there means the usual choice (socket(7), `SO_ATTACH_REUSEPORT_CBPF`).
    static func giveWay(_ descriptor: CInt) {
        // struct sock_filter {u16 code; u8 jt, jf; u32 k}: BPF_RET | BPF_K, the second socket.
        var instruction: (UInt16, UInt8, UInt8, UInt32) = (0x06, 0, 0, 1)
        withUnsafeMutableBytes(of: &instruction) { filter in
            // struct sock_fprog {u16 len; struct sock_filter *filter}
            var program = [UInt](repeating: 0, count: 2)
            program[1] = UInt(bitPattern: filter.baseAddress)
            program.withUnsafeMutableBytes { $0.storeBytes(of: 1, as: UInt16.self) }
            _ = program.withUnsafeBytes {
                setsockopt(descriptor, SOL_SOCKET, attachReusePortFilter, $0.baseAddress, socklen_t($0.count))
            }
        }
    }
}

/// Which file a path named at a moment, so that nobody removes another's.
struct FileIdentity: Equatable, Sendable {
    private var device: UInt64
    private var inode: UInt64

    /// nil where nothing stands at the path. Links are not followed.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

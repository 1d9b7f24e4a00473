import Glibc

/// Tells a service manager what becomes of the process, in the protocol of sd_notify(3): a datagram to the socket that `NOTIFY_SOCKET` names.
/// Nobody waits for an answer, and a manager that does not listen is no fault of ours.
public struct ServiceNotifier: Sendable {
    private let descriptor: CInt
    private let address: [UInt8]
    /// Within which the manager wants a sign of life; nil: it wants none.
    public let watchdogNanoseconds: UInt64?

    /// The manager that has started this process; nil where none has. Asked once, before there are children who could inherit the variables.
    public static let shared: ServiceNotifier? = {
        defer { for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) } }
        func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        guard let socket = value("NOTIFY_SOCKET") else { return nil }
        let isWatched = value("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
        return ServiceNotifier(socket: socket, watchdogMicroseconds: isWatched ? value("WATCHDOG_USEC").flatMap(UInt64.init) : nil)
    }()

    /// - Parameter socket: an absolute path, or a name in the abstract namespace after `@`.
    init?(socket: String, watchdogMicroseconds: UInt64? = nil) {
        var path = Array(socket.utf8)
        guard path.count > 1, path.count < 108, path[0] == UInt8(ascii: "/") || path[0] == UInt8(ascii: "@") else { return nil }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 } else { path.append(0) }
        descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let family = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) }
        address = family + path
        watchdogNanoseconds = watchdogMicroseconds.flatMap { $0 > 0 && $0 < UInt64.max / 1000 ? $0 * 1000 : nil }
    }

    public func ready() { send("READY=1") }

    /// The time lets a manager tell this from an older announcement (systemd 253, `Type=notify-reload`).
    public func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonicNanoseconds() / 1000)") }

    public func stopping() { send("STOPPING=1") }

    public func isAlive() { send("WATCHDOG=1") }

    private func send(_ text: String) {
        address.withUnsafeBytes { address in
            guard let base = address.baseAddress else { return }
            let target = base.assumingMemoryBound(to: sockaddr.self)
            _ = text.withCString { sendto(descriptor, $0, strlen($0), CInt(MSG_NOSIGNAL), target, socklen_t(address.count)) }
        }
    }
}

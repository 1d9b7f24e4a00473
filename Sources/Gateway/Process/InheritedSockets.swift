import GatewayConfig
import GatewayCore
import Glibc

/// Listening sockets that a service manager has opened and hands over (sd_listen_fds(3)): they outlive this process, so that connections wait
/// in their backlog instead of being refused while it restarts. A listener takes the one that is bound to its address.
public struct InheritedSockets: Sendable {
    struct Entry: Sendable, Equatable {
        var descriptor: CInt
        /// What the manager calls it (`FileDescriptorName=`); for messages.
        var name: String
        /// nil where it is no stream socket that listens.
        var place: Place?
    }

    /// To what a socket is bound.
    enum Place: Sendable, Equatable {
        case tcp(IPAddress, port: Int)
        case unix(path: String)
    }

    private static let firstDescriptor: CInt = 3

    let entries: [Entry]

    public static let none = InheritedSockets(entries: [])

    /// Those of this process. Call it once, first of all: the variables are removed, so that no child takes them for its own.
    public static func take() -> InheritedSockets {
        func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        let descriptors = descriptors(
            count: value("LISTEN_FDS"), process: value("LISTEN_PID"), names: value("LISTEN_FDNAMES"), ownProcess: getpid())
        for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { unsetenv(name) }
        return InheritedSockets(
            entries: descriptors.map { descriptor, name in
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                return Entry(descriptor: descriptor, name: name, place: Place(of: descriptor))
            })
    }

    /// What the variables say; nothing where they are meant for another process or make no sense.
    static func descriptors(count: String?, process: String?, names: String?, ownProcess: pid_t) -> [(descriptor: CInt, name: String)] {
        guard let count = count.flatMap(Int.init), (1...1024).contains(count), process == "\(ownProcess)" else { return [] }
        let names = names?.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? []
        return (0..<count).map { (firstDescriptor + CInt($0), $0 < names.count ? names[$0] : "unknown") }
    }

    func descriptor(for bind: BindAddress) -> CInt? { entries.first { $0.place?.isPlace(of: bind) == true }?.descriptor }

    /// Those that no address of the configuration takes.
    func unused(by binds: [BindAddress]) -> [Entry] {
        entries.filter { entry in !binds.contains { entry.place?.isPlace(of: $0) == true } }
    }
}

extension InheritedSockets.Place {
    /// nil for anything but a stream socket that listens on an address or a path.
    init?(of descriptor: CInt) {
        func option(_ name: CInt) -> CInt? {
            var value: CInt = 0
            var length = socklen_t(MemoryLayout<CInt>.size)
            return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
        }
        guard option(SO_TYPE) == CInt(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN) == 1 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        guard isKnown else { return nil }
        let place: InheritedSockets.Place? = withUnsafeBytes(of: storage) { bytes in
            switch CInt(storage.ss_family) {
            case AF_INET:
                let address = bytes.loadUnaligned(as: sockaddr_in.self)
                return .tcp(IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr)), port: Int(UInt16(bigEndian: address.sin_port)))
            case AF_INET6:
                let address = bytes.loadUnaligned(as: sockaddr_in6.self)
                return withUnsafeBytes(of: address.sin6_addr) { words in
                    let high = UInt64(bigEndian: words.loadUnaligned(as: UInt64.self))
                    let low = UInt64(bigEndian: words.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                    return .tcp(IPAddress(high: high, low: low), port: Int(UInt16(bigEndian: address.sin6_port)))
                }
            case AF_UNIX:
                let start = MemoryLayout<sa_family_t>.size
                guard Int(length) > start else { return nil }
                return .unix(path: String(decoding: bytes[start..<Int(length)].prefix { $0 != 0 }, as: UTF8.self))
            default: return nil
            }
        }
        guard let place else { return nil }
        self = place
    }

    func isPlace(of bind: BindAddress) -> Bool {
        switch (self, bind) {
        case (.unix(let path), .unix(let wanted)): path == wanted
        case (.tcp(let address, let port), .tcp(let host, let wanted, let wantedPort)):
            port == wantedPort && (wanted.map { $0 == address } ?? (host == "localhost" && address.isLoopback))
        default: false
        }
    }
}

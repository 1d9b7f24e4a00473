import GatewayConfig
import GatewayCore
import Glibc
import Testing

@testable import Gateway

/// Sockets that a service manager hands over: what its variables say, what a descriptor is, and which listener takes it.
@Suite struct InheritedSocketsTests {
    private typealias Place = InheritedSockets.Place

    // MARK: - Variables

    @Test(
        arguments: [
            ("2", "42", "api:admin", [3, 4], ["api", "admin"]), ("1", "42", nil, [3], ["unknown"]),
            ("2", "42", "api", [3, 4], ["api", "unknown"]),
            ("2", "42", ":b", [3, 4], ["", "b"]), ("1", "42", "a:b:c", [3], ["a"]),
            // Meant for another process, or for nobody.
            ("2", "41", "api:admin", [], []), ("2", nil, "api", [], []), (nil, "42", "api", [], []), ("2", "", "", [], []),
            // No lawful number.
            ("0", "42", "api", [], []), ("-1", "42", "api", [], []), ("1025", "42", nil, [], []), ("two", "42", nil, [], []),
            ("1.5", "42", nil, [], []), ("99999999999999999999", "42", nil, [], []), ("", "42", nil, [], []),
        ] as [(String?, String?, String?, [CInt], [String])])
    func variables(count: String?, process: String?, names: String?, descriptors: [CInt], expected: [String]) {
        let found = InheritedSockets.descriptors(count: count, process: process, names: names, ownProcess: 42)
        #expect(found.map(\.descriptor) == descriptors)
        #expect(found.map(\.name) == expected)
    }

    // MARK: - What a descriptor is

    private func withSocket<R>(_ family: CInt, _ type: __socket_type, _ body: (CInt) throws -> R) rethrows -> R {
        let descriptor = socket(family, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return try body(descriptor)
    }

    private func bind4(_ descriptor: CInt) -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard bind(descriptor, $0, length) == 0, getsockname(descriptor, $0, &length) == 0 else { return -1 }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }

    @Test func aListeningSocketIsKnownByItsAddress() {
        withSocket(AF_INET, SOCK_STREAM) { descriptor in
            let port = bind4(descriptor)
            #expect(Place(of: descriptor) == nil, "bound, but nobody listens")
            #expect(listen(descriptor, 1) == 0)
            #expect(Place(of: descriptor) == .tcp(IPAddress(v4: 0x7F00_0001), port: port))
        }
    }

    @Test func soIsOneOfIPv6() {
        withSocket(AF_INET6, SOCK_STREAM) { descriptor in
            // Unbound: the kernel gives a free port of every address.
            #expect(listen(descriptor, 1) == 0)
            guard case .tcp(let address, let port) = Place(of: descriptor) else { return #expect(Bool(false), "no place") }
            #expect(address == IPAddress(high: 0, low: 0) && port > 0)
        }
    }

    @Test func soIsAUnixSocket() {
        let folder = TemporaryFolder()
        withSocket(AF_UNIX, SOCK_STREAM) { descriptor in
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (folder / "api.sock").utf8) }
            let isBound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                }
            }
            #expect(isBound && listen(descriptor, 1) == 0)
            #expect(Place(of: descriptor) == .unix(path: folder / "api.sock"))
        }
    }

    @Test func whatIsNoListeningStreamHasNoPlace() {
        withSocket(AF_INET, SOCK_DGRAM) { descriptor in
            _ = bind4(descriptor)
            #expect(Place(of: descriptor) == nil)
        }
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        #expect(Place(of: file) == nil)
        close(file)
        #expect(Place(of: -1) == nil)
    }

    // MARK: - Which listener takes it

    private static let loopback = IPAddress(v4: 0x7F00_0001)
    private static let other = IPAddress(v4: 0x0A00_0001)
    private static let loopback6 = IPAddress(high: 0, low: 1)

    @Test(
        arguments: [
            (.tcp(loopback, port: 80), .tcp(host: "127.0.0.1", address: loopback, port: 80), true),
            (.tcp(loopback, port: 80), .tcp(host: "127.0.0.1", address: loopback, port: 81), false),
            (.tcp(other, port: 80), .tcp(host: "127.0.0.1", address: loopback, port: 80), false),
            (.tcp(loopback, port: 80), .tcp(host: "localhost", address: nil, port: 80), true),
            (.tcp(loopback6, port: 80), .tcp(host: "localhost", address: nil, port: 80), true),
            (.tcp(other, port: 80), .tcp(host: "localhost", address: nil, port: 80), false),
            (.tcp(loopback, port: 80), .tcp(host: "gateway.example", address: nil, port: 80), false),
            (.tcp(loopback6, port: 80), .tcp(host: "::1", address: loopback6, port: 80), true),
            (.unix(path: "/run/a"), .unix(path: "/run/a"), true), (.unix(path: "/run/a"), .unix(path: "/run/b"), false),
            (.unix(path: ""), .unix(path: "/run/a"), false),
            (.unix(path: "/run/a"), .tcp(host: "localhost", address: nil, port: 80), false),
            (.tcp(loopback, port: 80), .unix(path: "/run/a"), false),
        ] as [(InheritedSockets.Place, BindAddress, Bool)])
    func matching(place: InheritedSockets.Place, bind: BindAddress, expected: Bool) {
        #expect(place.isPlace(of: bind) == expected)
        let sockets = InheritedSockets(entries: [.init(descriptor: 3, name: "no socket"), .init(descriptor: 4, name: "api", place: place)])
        #expect(sockets.descriptor(for: bind) == (expected ? 4 : nil))
        #expect(sockets.unused(by: [bind]).map(\.descriptor) == (expected ? [3] : [3, 4]))
    }

    @Test func whatNobodyTakesIsLeft() {
        let entry = InheritedSockets.Entry(descriptor: 3, name: "api", place: .unix(path: "/run/a"))
        #expect(InheritedSockets(entries: [entry]).unused(by: []) == [entry])
        #expect(InheritedSockets.none.descriptor(for: .unix(path: "/run/a")) == nil)
    }
}

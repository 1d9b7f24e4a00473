import Glibc

/// Why a connection that a thread makes by itself cannot be had or is lost, in words for logs, metrics and `/status`.
struct ConnectionFailure: Error, Equatable {
    var words: String

    init(_ words: String) { self.words = words }

    /// From `errno`.
    init(_ code: Int32, call: StaticString) { words = "\(call): \(String(cString: strerror(code)))" }
}

/// Opens TCP sockets for threads that may block, each in a bounded time.
struct SocketConnecting {
    /// For each address of a host, in milliseconds.
    let timeoutMilliseconds: UInt64
    /// Asked now and then whether to give up.
    let isCancelled: () -> Bool

    private static let sliceMilliseconds: Int32 = 100

    /// A connected socket that does not block, to the first address of `host` that answers. The caller closes it.
    func tcp(_ host: String, _ port: Int, prepare: (Int32) -> Void = { _ in }) throws(ConnectionFailure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else { throw ConnectionFailure("\(host): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(list) }
        var failure = ConnectionFailure("\(host): no address")
        var next = list
        while let entry = next {
            do {
                return try tcp(entry.pointee, prepare)
            } catch {
                failure = error
            }
            next = entry.pointee.ai_next
        }
        throw failure
    }

    private func tcp(_ entry: addrinfo, _ prepare: (Int32) -> Void) throws(ConnectionFailure) -> Int32 {
        let descriptor = try Self.socket(entry.ai_family, SOCK_STREAM)
        do throws(ConnectionFailure) {
            prepare(descriptor)
            if Glibc.connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else { throw ConnectionFailure(errno, call: "connect") }
                let deadline = AuditInbox.milliseconds() + timeoutMilliseconds
                while try !wait(descriptor, Int16(POLLOUT), until: deadline) {}
            }
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { throw ConnectionFailure(code, call: "connect") }
            return descriptor
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Whether the descriptor is ready; false after a slice of the time.
    func wait(_ descriptor: Int32, _ events: Int16, until deadline: UInt64) throws(ConnectionFailure) -> Bool {
        if isCancelled() { throw ConnectionFailure("the gateway is stopping") }
        guard AuditInbox.milliseconds() < deadline else { throw ConnectionFailure("no answer within \(timeoutMilliseconds) ms") }
        var wait = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&wait, 1, Self.sliceMilliseconds) > 0
    }

    static func socket(_ family: Int32, _ type: __socket_type) throws(ConnectionFailure) -> Int32 {
        let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = Glibc.socket(family, Int32(type.rawValue | flags), 0)
        guard descriptor >= 0 else { throw ConnectionFailure(errno, call: "socket") }
        return descriptor
    }
}

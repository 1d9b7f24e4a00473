import GatewayCore
import Glibc
import Wire

/// Opens transports. Blocks the thread that calls it, for at most `timeoutMilliseconds` beside the look-up of a name.
struct ShipConnecting {
    let destination: ShipDestination
    /// Asked now and then whether to give up.
    let isCancelled: () -> Bool

    /// For connecting and for the TLS handshake, each.
    private static let timeoutMilliseconds: UInt64 = 10_000
    private static let sliceMilliseconds: Int32 = 100

    func open() throws(ShipFailure) -> any ShipTransport {
        switch destination.place {
        case .standardOutput: return ShipStandardOutput()
        case .unix(let path): return try unix(path)
        case .tcp(let host, let port): return ShipStream(descriptor: try tcp(host, port), kind: .tcp)
        case .tls(let host, let port, let files):
            let session = try ShipConnecting.session(files, host)
            let stream = ShipStream(descriptor: try tcp(host, port), kind: .tcp, session: session)
            try shakeHands(stream)
            return stream
        }
    }

    /// The files are read anew for each connection, so that renewed certificates are taken without a reload.
    static func session(_ files: ShipTLSFiles, _ host: String) throws(ShipFailure) -> TLSSession {
        do throws(TLSError) {
            var options = TLSClientOptions(resumption: false)
            if let caFile = files.caFile { options.trust = .only(.file(caFile)) }
            if let certificate = files.certificate, let key = files.privateKey {
                options.clientCertificate = TLSCertificateKey(certificate: .file(certificate), privateKey: .file(key))
            }
            return try TLSSession(client: try TLSClientContext(options), serverName: host)
        } catch {
            throw ShipFailure("TLS: \(error.sentence)")
        }
    }

    private func shakeHands(_ stream: ShipStream) throws(ShipFailure) {
        let deadline = AuditInbox.milliseconds() + ShipConnecting.timeoutMilliseconds
        try stream.pull()
        while !stream.isReady {
            try stream.flush()
            let events = Int16(POLLIN) | (stream.hasOutput ? Int16(POLLOUT) : 0)
            if try wait(stream.descriptor, events, until: deadline) { try stream.readInput() }
        }
    }

    /// Whether the descriptor is ready; false after a slice of the time.
    private func wait(_ descriptor: Int32, _ events: Int16, until deadline: UInt64) throws(ShipFailure) -> Bool {
        if isCancelled() { throw ShipFailure("the gateway is stopping") }
        guard AuditInbox.milliseconds() < deadline else {
            throw ShipFailure("no answer within \(ShipConnecting.timeoutMilliseconds / 1000) s")
        }
        var wait = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&wait, 1, ShipConnecting.sliceMilliseconds) > 0
    }

    // MARK: - Sockets

    private func unix(_ path: String) throws(ShipFailure) -> any ShipTransport {
        // /dev/log is a datagram socket nearly everywhere; some collectors listen on a stream (syslog(3) tries both, too).
        do {
            let descriptor = try socket(AF_UNIX, SOCK_DGRAM)
            try connectUnix(descriptor, path)
            return ShipDatagrams(descriptor: descriptor)
        } catch WrongType.stream {
            let descriptor = try socket(AF_UNIX, SOCK_STREAM)
            do { try connectUnix(descriptor, path) } catch { throw ShipFailure(EPROTOTYPE, call: "connect") }
            return ShipStream(descriptor: descriptor, kind: .unix)
        } catch {
            throw error as? ShipFailure ?? ShipFailure("connect: \(error)")
        }
    }

    private enum WrongType: Error { case stream }

    private func connectUnix(_ descriptor: Int32, _ path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (index, byte) in path.utf8.prefix(room.count - 1).enumerated() { room[index] = byte }
        }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
        guard code != 0 else { return }
        Glibc.close(descriptor)
        throw code == EPROTOTYPE ? WrongType.stream as any Error : ShipFailure(code, call: "connect")
    }

    private func tcp(_ host: String, _ port: Int) throws(ShipFailure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else { throw ShipFailure("\(host): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(list) }
        var failure = ShipFailure("\(host): no address")
        var next = list
        while let entry = next {
            do {
                return try tcp(entry.pointee)
            } catch {
                failure = error
            }
            next = entry.pointee.ai_next
        }
        throw failure
    }

    private func tcp(_ entry: addrinfo) throws(ShipFailure) -> Int32 {
        let descriptor = try socket(entry.ai_family, SOCK_STREAM)
        do throws(ShipFailure) {
            ShipConnecting.setOptions(descriptor)
            if Glibc.connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else { throw ShipFailure(errno, call: "connect") }
                let deadline = AuditInbox.milliseconds() + ShipConnecting.timeoutMilliseconds
                while try !wait(descriptor, Int16(POLLOUT), until: deadline) {}
            }
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { throw ShipFailure(code, call: "connect") }
            return descriptor
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    private func socket(_ family: Int32, _ type: __socket_type) throws(ShipFailure) -> Int32 {
        let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = Glibc.socket(family, Int32(type.rawValue | flags), 0)
        guard descriptor >= 0 else { throw ShipFailure(errno, call: "socket") }
        return descriptor
    }

    /// Records come in batches already, and a peer that is gone without a word must be noticed: by keep-alive while nothing is sent, and by
    /// TCP_USER_TIMEOUT when what was sent is not acknowledged.
    private static func setOptions(_ descriptor: Int32) {
        func set(_ level: Int32, _ name: Int32, _ value: Int32) {
            var value = value
            setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 60_000)
    }
}

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

    private var sockets: SocketConnecting {
        SocketConnecting(timeoutMilliseconds: Self.timeoutMilliseconds, isCancelled: isCancelled)
    }

    func open() throws(ConnectionFailure) -> any ShipTransport {
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
    static func session(_ files: ShipTLSFiles, _ host: String) throws(ConnectionFailure) -> TLSSession {
        do throws(TLSError) {
            var options = TLSClientOptions(resumption: false)
            if let caFile = files.caFile { options.trust = .only(.file(caFile)) }
            if let certificate = files.certificate, let key = files.privateKey {
                options.clientCertificate = TLSCertificateKey(certificate: .file(certificate), privateKey: .file(key))
            }
            return try TLSSession(client: try TLSClientContext(options), serverName: host)
        } catch {
            throw ConnectionFailure("TLS: \(error.sentence)")
        }
    }

    private func shakeHands(_ stream: ShipStream) throws(ConnectionFailure) {
        let deadline = AuditInbox.milliseconds() + ShipConnecting.timeoutMilliseconds
        try stream.pull()
        while !stream.isReady {
            try stream.flush()
            let events = Int16(POLLIN) | (stream.hasOutput ? Int16(POLLOUT) : 0)
            if try sockets.wait(stream.descriptor, events, until: deadline) { try stream.readInput() }
        }
    }

    // MARK: - Sockets

    private func unix(_ path: String) throws(ConnectionFailure) -> any ShipTransport {
        // /dev/log is a datagram socket nearly everywhere; some collectors listen on a stream (syslog(3) tries both, too).
        do {
            let descriptor = try SocketConnecting.socket(AF_UNIX, SOCK_DGRAM)
            try connectUnix(descriptor, path)
            return ShipDatagrams(descriptor: descriptor)
        } catch WrongType.stream {
            let descriptor = try SocketConnecting.socket(AF_UNIX, SOCK_STREAM)
            do { try connectUnix(descriptor, path) } catch { throw ConnectionFailure(EPROTOTYPE, call: "connect") }
            return ShipStream(descriptor: descriptor, kind: .unix)
        } catch {
            throw error as? ConnectionFailure ?? ConnectionFailure("connect: \(error)")
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
        throw code == EPROTOTYPE ? WrongType.stream as any Error : ConnectionFailure(code, call: "connect")
    }

    private func tcp(_ host: String, _ port: Int) throws(ConnectionFailure) -> Int32 {
        try sockets.tcp(host, port, prepare: ShipConnecting.setOptions)
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

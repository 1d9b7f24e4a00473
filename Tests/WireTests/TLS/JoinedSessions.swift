import Wire

/// A client and a server session whose bytes go straight to each other.
final class JoinedSessions {
    final class End {
        let session: TLSSession
        var plaintext: [UInt8] = []
        var handshake: TLSHandshake?
        var closed = false
        var error: TLSError?
        /// Everything this end put on the wire.
        var sent: [UInt8] = []
        var areaSize = 16 << 10

        init(_ session: TLSSession) { self.session = session }

        /// Takes events until there is none.
        func process() {
            withUnsafeTemporaryAllocation(byteCount: areaSize, alignment: 1) { area in
                while let event = session.next(into: area) {
                    switch event {
                    case .handshakeComplete(let agreed): handshake = agreed
                    case .plaintext(let count): plaintext += area[..<count]
                    case .peerClosed: closed = true
                    case .failed(let problem): error = problem
                    }
                }
            }
        }

        func drain() -> [UInt8] {
            var bytes: [UInt8] = []
            session.drain { bytes += $0 }
            sent += bytes
            return bytes
        }

        func receive(_ bytes: some Collection<UInt8>) {
            Array(bytes).withUnsafeBytes { session.receive($0) }
            process()
        }

        func send(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { session.send($0) } }

        func end() {
            session.receiveEnd()
            process()
        }
    }

    let client: End
    let server: End

    init(client: TLSClientContext, server: TLSServerContext, name: String = "localhost") throws {
        self.client = End(try TLSSession(client: client, serverName: name))
        self.server = End(try TLSSession(server: server))
    }

    /// Carries bytes until both ends are quiet. `cut` says in which pieces a flight arrives: the byte count of the next piece, given
    /// how many bytes of this direction went before and how many wait.
    func run(cut: (_ before: Int, _ waiting: Int) -> Int = { _, waiting in waiting }) {
        var toServer = 0
        var toClient = 0
        client.process()
        server.process()
        while true {
            let up = client.drain()
            Self.carry(up, to: server, from: &toServer, cut: cut)
            let down = server.drain()
            Self.carry(down, to: client, from: &toClient, cut: cut)
            if up.isEmpty && down.isEmpty { return }
        }
    }

    private static func carry(_ bytes: [UInt8], to end: End, from before: inout Int, cut: (Int, Int) -> Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = max(1, min(rest.count, cut(before, rest.count)))
            end.receive(rest.prefix(count))
            rest = rest.dropFirst(count)
            before += count
        }
    }
}

import GatewayCore
import Glibc
import Wire

/// A connected stream socket, with or without TLS.
final class ShipStream: ShipTransport {
    enum Kind {
        case tcp
        case unix
    }

    let framing: SyslogFraming?
    let descriptor: Int32
    let inputEvents = Int16(POLLIN)
    /// Ciphertext, where there is TLS.
    private(set) var total: UInt64 = 0
    /// Is given what the peer says; nil where nothing that it says means anything.
    var receiver: ((UnsafeRawBufferPointer) -> Void)?
    private let kind: Kind
    private let session: TLSSession?
    private var queue = ShipOutputQueue()
    private var written: UInt64 = 0
    private var lastAcknowledged: UInt64 = 0
    private var scratch = [UInt8](repeating: 0, count: 16 << 10)
    private var isHandshakeDone = false

    /// Owns `descriptor`, which must not block.
    init(descriptor: Int32, kind: Kind, session: TLSSession? = nil) {
        self.descriptor = descriptor
        self.kind = kind
        self.session = session
        framing = kind == .tcp ? .octetCounting : .lineFeed
    }

    deinit { Glibc.close(descriptor) }

    var hasOutput: Bool { !queue.isEmpty }
    var isReady: Bool { session == nil || isHandshakeDone }

    func enqueue(_ bytes: [UInt8], ends: [Int]) throws(ConnectionFailure) {
        guard let session else { return put(bytes) }
        guard bytes.withUnsafeBytes({ session.send($0) }) else {
            try pull()
            throw ConnectionFailure("the TLS connection takes nothing more")
        }
        drainSession()
    }

    func flush() throws(ConnectionFailure) {
        try queue.drain { bytes in
            let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if count > 0 { written += UInt64(count) }
            return count
        }
    }

    func readInput() throws(ConnectionFailure) {
        while true {
            let count = scratch.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
            if count > 0 {
                if let session {
                    scratch.withUnsafeBytes { session.receive(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                } else if let receiver {
                    scratch.withUnsafeBytes { receiver(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                }
                try pull()
                continue
            }
            if count == 0 {
                session?.receiveEnd()
                try pull()
                throw ConnectionFailure("the collector closed the connection")
            }
            if errno == EAGAIN || errno == EWOULDBLOCK { return }
            if errno != EINTR { throw ConnectionFailure(errno, call: "read") }
        }
    }

    /// Moves the TLS session on: the handshake, the peer's alerts and key updates.
    func pull() throws(ConnectionFailure) {
        guard let session else { return }
        defer { drainSession() }
        while true {
            let event = scratch.withUnsafeMutableBytes { session.next(into: $0) }
            switch event {
            case nil: return
            case .plaintext(let count):
                if let receiver { scratch.withUnsafeBytes { receiver(UnsafeRawBufferPointer(rebasing: $0[..<count])) } }
            case .handshakeComplete: isHandshakeDone = true
            case .peerClosed: throw ConnectionFailure("the collector ended the TLS connection")
            case .failed(let error):
                drainSession()
                // The alert that tells the peer why.
                try? flush()
                throw ConnectionFailure("TLS: \(error.sentence)")
            }
        }
    }

    func acknowledged() throws(ConnectionFailure) -> UInt64 {
        switch kind {
        case .tcp:
            guard let count = TCPInformation.acknowledgedBytes(of: descriptor) else {
                throw ConnectionFailure(errno, call: "getsockopt TCP_INFO")
            }
            lastAcknowledged = min(count, written)
        case .unix:
            // Zero once the peer's process has read everything (unix(7), SIOCOUTQ); what it says before that has overheads in it.
            if UnixQueue.isEmpty(descriptor) { lastAcknowledged = written }
        }
        return lastAcknowledged
    }

    func close() {
        guard let session else { return }
        session.close()
        drainSession()
        try? flush()
    }

    private func drainSession() {
        session?.drain { bytes in put(bytes) }
    }

    private func put(_ bytes: some Collection<UInt8>) {
        queue.append(bytes)
        total += UInt64(bytes.count)
    }
}

enum UnixQueue {
    /// `SIOCOUTQ` of linux/sockios.h, which is `TIOCOUTQ`.
    private static let outputQueue: UInt = 0x5411

    /// Whether the peer has read all that was sent on a unix socket.
    static func isEmpty(_ descriptor: Int32) -> Bool {
        var count: Int32 = 0
        return ioctl(descriptor, outputQueue, &count) == 0 && count == 0
    }
}

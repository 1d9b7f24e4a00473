import GatewayCore
import NIOCore
import Wire

/// What a connection has given to its channel so far, before any encryption.
struct WrittenAmount: Equatable {
    private(set) var writes: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    /// More records since are too many to tell by bytes how many of them arrived whole.
    private static let mostRecords: UInt64 = 4
    private static let recordBytes: UInt64 = 16_384

    mutating func add(_ count: Int) {
        writes &+= 1
        bytes &+= UInt64(count)
    }

    /// Whether, by what the kernel says at the end of input, no process of the upstream can have read any of what was written since `earlier`.
    ///
    /// In clear text: none of it was acknowledged. In TLS at most the overhead of a few records was, 29 bytes each (RFC 5288, RFC 8446 section
    /// 5.2), which is less than the first of them, as it holds a signed head; and of a record that did not arrive whole nothing can be read.
    func isUnread(since earlier: WrittenAmount, isSecure: Bool, _ information: TCPInformation) -> Bool {
        let count = bytes &- earlier.bytes
        let records = writes &- earlier.writes &+ count / Self.recordBytes
        guard count > 0, information.peerHasEnded, information.unacknowledgedBytes >= count else { return false }
        return !isSecure || records <= Self.mostRecords
    }
}

/// One request on an HTTP/2 connection to an upstream, until its stream is closed. The connection holds it so long; the exchange it carries
/// may have ended before.
final class UpstreamStream: UpstreamCarrier {
    let id: Int32
    let request: SignedRequest
    /// nil once it is answered in full or told that it has failed.
    private(set) var exchange: Exchange?
    /// Monotonic nanoseconds; put off by each sign of progress.
    private var deadline: UInt64
    let timeout: UInt64
    private let connection: UpstreamHTTP2Connection
    private var isPaused = false
    /// Bytes that the caller has not taken: the upstream may send as many again once it has.
    private var unconsumed = 0
    private var unsent: Int
    private(set) var interim = 0
    /// What the connection had written before the request was submitted.
    let writtenBefore: WrittenAmount
    /// The upstream sent RST_STREAM.
    var wasResetByPeer = false

    init(
        id: Int32, connection: UpstreamHTTP2Connection, request: SignedRequest, exchange: Exchange, timeout: UInt64,
        writtenBefore: WrittenAmount, now: UInt64
    ) {
        self.id = id
        self.connection = connection
        self.writtenBefore = writtenBefore
        self.request = request
        self.exchange = exchange
        self.timeout = timeout
        deadline = now &+ timeout
        unsent = request.bytes.readableBytes
    }

    // MARK: - From the connection

    func interimAnswered() { interim += 1 }

    func answered(_ head: ResponseHead) {
        var head = head
        // Their bodies are empty whatever was announced (RFC 9110 section 6.4.1); nghttp2 has seen to it that none comes.
        if request.isHEAD || head.status == 204 || head.status == 304 { head.framing = .none }
        deadline = Clock.monotonicNanoseconds() &+ timeout
        exchange?.upstreamAnswered(head)
    }

    func received(body bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return connection.consumed(id, bytes.count) }
        deadline = Clock.monotonicNanoseconds() &+ timeout
        if !exchange.upstreamSent(body: ByteBuffer(bytes: bytes)) { isPaused = true }
        // What comes while the caller is slow is at most the stream's window, which stays shut until it has caught up.
        if isPaused { unconsumed += bytes.count } else { connection.consumed(id, bytes.count) }
    }

    func answerIsWhole() { takeExchange()?.upstreamFinished() }

    func readIsComplete() { exchange?.upstreamReadIsComplete() }

    func fail(_ failure: UpstreamFailure) { takeExchange()?.upstreamFailed(failure) }

    func takeExchange() -> Exchange? {
        defer { exchange = nil }
        return exchange
    }

    /// How the upstream has kept its time.
    enum Waiting {
        case patient
        /// Half of the time is over.
        case doubtful
        case overdue
    }

    func waiting(now: UInt64, unsentBytes: Int) -> Waiting {
        guard exchange != nil, !isPaused else { return .patient }
        if unsentBytes < unsent {
            // The request is still on its way, and moves.
            unsent = unsentBytes
            deadline = now &+ timeout
        }
        if now > deadline { return .overdue }
        return deadline - now <= timeout / 2 ? .doubtful : .patient
    }

    // MARK: - From the exchange

    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        deadline = Clock.monotonicNanoseconds() &+ timeout
        let count = unconsumed
        unconsumed = 0
        connection.consumed(id, count)
    }
}

import GatewayCore
import NIOCore
import Wire

/// One request of an HTTP/2 connection with its way back.
///
/// The connection holds it from the request's head until the session reports the stream closed, so the reference back makes no lasting
/// cycle. The answer may be complete long before that: the client reads at its own pace.
final class HTTP2Stream: DownstreamStream {
    /// 0 where a request was refused before its stream was known.
    let id: Int32
    /// nil once the answer is complete.
    private(set) var exchange: Exchange?
    /// The exchange was told to stop sending: until the session has room for this stream, and until the socket has room for any.
    private var awaitsSession = false
    private var awaitsChannel = false

    private let connection: HTTP2Connection
    private let expectsContinue: Bool
    private let isHEAD: Bool
    private let start: UInt64
    private var bodyIsRead: Bool
    private var wantsBody = false
    /// Body bytes that came before the exchange asked for any; at most the stream's window.
    private var held = ByteBuffer()
    private var sendsBody = false
    /// Bytes that had not left when the clock last ticked, and since when it has been that many.
    private var stalled: (bytes: Int, since: UInt64)?

    /// `head` is nil where what came was no request.
    init(id: Int32, connection: HTTP2Connection, head: RequestHead?) {
        self.id = id
        self.connection = connection
        expectsContinue = head?.expectsContinue ?? false
        isHEAD = head.map { $0.fields[$0.method].elementsEqual("HEAD".utf8) } ?? false
        bodyIsRead = head == nil || head?.framing == BodyFraming.none
        start = Clock.monotonicNanoseconds()
    }

    // MARK: - From the connection

    func begin(_ exchange: Exchange) {
        self.exchange = exchange
        exchange.begin()
    }

    func refuse(_ refusal: Refusal, by exchange: Exchange) {
        self.exchange = exchange
        exchange.refuse(refusal)
    }

    func received(body bytes: UnsafeRawBufferPointer) {
        guard wantsBody else {
            // After the answer nobody takes them; before it they wait, and the shut window holds back the rest.
            if exchange == nil { connection.session.consumed(id, bytes.count) } else { held.writeBytes(bytes) }
            return
        }
        exchange?.received(body: ByteBuffer(bytes: bytes))
        connection.session.consumed(id, bytes.count)
    }

    func receivedEnd() {
        guard !bodyIsRead else { return }
        bodyIsRead = true
        if wantsBody { exchange?.receivedWholeBody() }
    }

    func sessionHasRoom() {
        awaitsSession = false
        goOn()
    }

    func channelHasRoom() {
        guard awaitsChannel else { return }
        awaitsChannel = false
        goOn()
    }

    /// Both must have room: a client that reads one stream must not make another one's unread bytes grow.
    private func goOn() {
        if !awaitsSession, !awaitsChannel { exchange?.downstreamIsWritable() }
    }

    /// The stream is over: reset by the caller, or lost with the connection, unless the answer is complete.
    func closed() {
        let exchange = exchange
        self.exchange = nil
        exchange?.callerIsGone()
    }

    /// The caller will send no more on this connection. It may still read, except where its request is incomplete or waits for a limit: then
    /// nothing has been done for it yet, and hanging up is the likelier meaning.
    func callerStoppedSending() {
        // An answer that is complete goes out; the session ends the stream behind it.
        guard let exchange, !bodyIsRead || exchange.isWaitingForItsTurn else { return }
        closed()
        connection.session.reset(id, .cancel)
    }

    func tick(now: UInt64, bodyNanoseconds: UInt64, stallNanoseconds: UInt64) {
        if !bodyIsRead, now > start, now - start > bodyNanoseconds {
            if let exchange {
                exchange.refuse(
                    Refusal(
                        .slowRequest, "timeout/body", "The request body was not complete in time: send it at once.", closesConnection: true)
                )
            } else if connection.session.unsentBytes(id) == 0 {
                // Answered, and the rest of the request does not come.
                connection.session.reset(id, .noError)
                connection.wroteOutput()
            }
        }
        let unsent = connection.session.unsentBytes(id)
        guard let last = stalled, last.bytes == unsent else {
            stalled = (unsent, now)
            return
        }
        if unsent > 0, now - last.since > stallNanoseconds {
            closed()
            connection.session.reset(id, .cancel)
            connection.wroteOutput()
        }
    }

    // MARK: - From the exchange

    func respond(status: Int, fields: [UInt8], body: AnswerBody, closesConnection: Bool) {
        var length: Int?
        switch body {
        case .none: sendsBody = false
        case .length(let count):
            length = count
            sendsBody = count > 0 && !isHEAD
        case .streamed: sendsBody = !isHEAD
        }
        connection.submit(id, status: status, fields: fields, contentLength: length, hasBody: sendsBody)
    }

    func send(body: ByteBuffer) -> Bool {
        guard sendsBody, body.readableBytes > 0 else { return true }
        if !body.withUnsafeReadableBytes({ connection.session.sendBody(id, $0) }) { awaitsSession = true }
        connection.wroteOutput()
        if !connection.isWritable { awaitsChannel = true }
        return !awaitsSession && !awaitsChannel
    }

    func finish() {
        if sendsBody { connection.session.endBody(id) }
        exchange = nil
        connection.wroteOutput()
    }

    func abort() {
        exchange = nil
        connection.session.reset(id, .internalError)
        connection.wroteOutput()
    }

    func flush() { connection.wroteOutput() }

    func acceptBody() {
        wantsBody = true
        if expectsContinue, held.readableBytes == 0, !bodyIsRead {
            connection.session.submitInformational(id, status: 100)
            connection.wroteOutput()
        }
        resumeBody()
    }

    func resumeBody() {
        let count = held.readableBytes
        if count > 0 {
            let bytes = held
            held = ByteBuffer()
            exchange?.received(body: bytes)
            connection.session.consumed(id, count)
            connection.wroteOutput()
        }
        if bodyIsRead { exchange?.receivedWholeBody() }
    }
}

import GatewayCore
import Wire

/// What must hold for any input; a breach traps, which is what a fuzzer looks for.
public enum HTTP2Invariants {
    /// An input as what a client sends.
    public static func checkServer(_ input: [UInt8]) {
        let input = HTTP2Input(input, startsAsClient: true)
        let whole = serve(input, pieceByteCount: .max)
        // What is sent in between changes what happens next, so only what is heard in silence must be the same however it was cut.
        let silent = !input.drains && !input.answers && !input.resets
        for count in [input.pieceByteCount, 1] {
            let parts = serve(input, pieceByteCount: count)
            precondition(!silent || parts == whole, "the cuts changed the meaning")
        }
    }

    /// An input as what a server sends to a client that has asked three times.
    public static func checkClient(_ input: [UInt8]) {
        let input = HTTP2Input(input, startsAsClient: false)
        let whole = ask(input, pieceByteCount: .max)
        for count in [input.pieceByteCount, 1] {
            let parts = ask(input, pieceByteCount: count)
            precondition(input.drains || input.resets || parts == whole, "the cuts changed the meaning")
        }
    }

    private static func serve(_ input: HTTP2Input, pieceByteCount: Int) -> [Int32: HTTP2Witness.Stream] {
        let limits = limits()
        guard let session = try? HTTP2ServerSession(limits: limits) else { preconditionFailure("there is memory for a session") }
        let witness = HTTP2Witness(limits: limits, windowByteCount: input.isStarted ? Int(limits.streamWindowBytes) : 65_535)
        var sent: [UInt8] = []
        witness.onHead = { if input.resets, $0 % 3 == 0 { session.reset($0, .cancel) } }
        witness.onBody = { [unowned witness] id, count in
            guard input.consumes else { return }
            witness.consumed(id, count)
            session.consumed(id, count)
        }
        witness.onEnd = { id in
            guard input.answers else { return }
            session.submitResponse(id, status: 200, fields: FieldSection(), hasBody: true)
            [UInt8](repeating: 0x61, count: 300).withUnsafeBytes { _ = session.sendBody(id, $0) }
            session.endBody(id, trailers: line("t", "u"))
        }
        // Our SETTINGS leave before anything can acknowledge them.
        session.drainOutput(delegate: witness) { sent += $0 }
        feed(input.bytes, pieceByteCount) {
            session.receive($0, now: 1, delegate: witness)
            if input.drains { session.drainOutput(delegate: witness) { sent += $0 } }
        }
        session.drainOutput(delegate: witness) { sent += $0 }
        precondition(session.streamCount <= Int(limits.maxConcurrentStreams), "no more streams than are allowed")
        session.connectionLost(delegate: witness)
        precondition(session.isFinished && session.streamCount == 0 && witness.streams.values.allSatisfy { $0.closed != nil })
        checkFrames(sent[...])
        return witness.streams
    }

    private static func ask(_ input: HTTP2Input, pieceByteCount: Int) -> [Int32: HTTP2Witness.Stream] {
        let limits = limits()
        guard let session = try? HTTP2ClientSession(limits: limits) else { preconditionFailure("there is memory for a session") }
        let witness = HTTP2Witness(limits: limits, windowByteCount: input.isStarted ? Int(limits.streamWindowBytes) : 65_535)
        var sent: [UInt8] = []
        for number in 0..<3 {
            guard let id = session.submitRequest(post, isSecure: true, hasBody: number > 0) else {
                preconditionFailure("a new connection takes requests")
            }
            witness.submitted(id)
            if number == 1 { session.endBody(id) }
        }
        witness.onHead = { if input.resets, $0 % 3 == 0 { session.reset($0, .cancel) } }
        witness.onBody = { [unowned witness] id, count in
            guard input.consumes else { return }
            witness.consumed(id, count)
            session.consumed(id, count)
        }
        session.drainOutput(delegate: witness) { sent += $0 }
        feed(input.bytes, pieceByteCount) {
            session.receive($0, now: 1, delegate: witness)
            if input.drains { session.drainOutput(delegate: witness) { sent += $0 } }
        }
        session.drainOutput(delegate: witness) { sent += $0 }
        session.connectionLost(delegate: witness)
        precondition(session.isFinished && session.streamCount == 0 && witness.streams.values.allSatisfy { $0.closed != nil })
        precondition(sent.starts(with: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)), "a client begins with the preface")
        checkFrames(sent.dropFirst(24))
        return witness.streams
    }

    /// Small ones, so that an input of few bytes meets them.
    private static func limits() -> HTTP2Limits {
        var limits = HTTP2Limits()
        limits.maxConcurrentStreams = 8
        limits.headerListBytes = 1024
        limits.fieldCount = 10
        limits.targetBytes = 100
        limits.streamWindowBytes = 500
        return limits
    }

    private static let post: RequestHead = {
        var section = line("host", "upstream.test")
        let start = section.bytes.count
        section.bytes += Array("POST/".utf8)
        return RequestHead(fields: section, method: ByteRange(start, start + 4), target: ByteRange(start + 4, start + 5))
    }()

    private static func line(_ name: String, _ value: String) -> FieldSection {
        var section = FieldSection()
        Array(name.utf8).withUnsafeBytes { name in Array(value.utf8).withUnsafeBytes { section.append(name: name, value: $0) } }
        return section
    }

    private static func feed(_ bytes: [UInt8], _ pieceByteCount: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { all in
            var offset = 0
            while offset < all.count {
                let end = offset + min(pieceByteCount, all.count - offset)
                body(UnsafeRawBufferPointer(rebasing: all[offset..<end]))
                offset = end
            }
        }
    }

    /// What a session sends is whole frames of a size that every peer takes (RFC 9113 section 4.2).
    private static func checkFrames(_ sent: ArraySlice<UInt8>) {
        var rest = sent
        while let first = rest.indices.first {
            precondition(rest.count >= 9, "a frame has a header")
            let count = Int(rest[first]) << 16 | Int(rest[first + 1]) << 8 | Int(rest[first + 2])
            precondition(count <= 16_384 && rest[first + 3] <= 9 && rest.count >= 9 + count, "a whole frame of a known type")
            rest = rest.dropFirst(9 + count)
        }
    }
}

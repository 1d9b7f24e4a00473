import GatewayCore

/// What a body decoder makes of the bytes it was given. Consumed bytes need not be kept or given again.
public enum BodyDecoding: Sendable, Equatable {
    /// All bytes given were taken and hold no more content; call again when more have arrived.
    case needMore(consumed: Int)
    /// These bytes of the buffer are content; then `consumed` bytes are done with. Call again with the rest, even if it is empty.
    case data(Range<Int>, consumed: Int)
    /// The body is complete; the next message starts after `consumed` bytes. Every further call says `end(consumed: 0)`.
    case end(consumed: Int)
    /// Answer with `error.status` and close. Every further call fails the same way.
    case failed(HTTP1Error)
}

/// Finds the content of a message body and its end, by the framing that the head named (RFC 9112 section 6.3 and 7.1).
///
/// Trailer fields are checked, bounded and dropped (RFC 9110 section 6.5.1 lets a recipient discard them).
public struct BodyDecoder: Sendable {
    private enum State: Sendable {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case ended
        case failed(HTTP1Error)
    }

    private var state: State
    private var contentLeft: Int

    /// - Parameter limits: a `Content-Length` beyond `contentBytes` fails at the first call.
    public init(_ framing: BodyFraming, limits: BodyLimits = BodyLimits()) {
        contentLeft = limits.contentBytes
        switch framing {
        case .none: state = .ended
        case .length(let length) where length > limits.contentBytes: state = .failed(HTTP1Error(.contentTooLarge))
        case .length(let length): state = .length(remaining: length)
        case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
        case .untilClose: state = .untilClose
        }
    }

    /// Takes the next bytes of the body.
    public mutating func decode(_ bytes: UnsafeRawBufferPointer) -> BodyDecoding {
        switch state {
        case .ended: return .end(consumed: 0)
        case .failed(let error): return .failed(error)
        case .length(0):
            state = .ended
            return .end(consumed: 0)
        case .length(let remaining):
            guard bytes.count > 0 else { return .needMore(consumed: 0) }
            let taken = min(remaining, bytes.count)
            state = .length(remaining: remaining - taken)
            return .data(0..<taken, consumed: taken)
        case .untilClose:
            guard bytes.count > 0 else { return .needMore(consumed: 0) }
            return take(0..<bytes.count)
        case .chunked(var chunks):
            let decoding = chunks.decode(bytes)
            switch decoding {
            case .needMore:
                // A chunk that announces too much is refused by its announcement.
                if chunks.announcedBytes > UInt64(contentLeft) { return refuseTooLarge() }
                state = .chunked(chunks)
            case .data(let range, _):
                if chunks.announcedBytes + UInt64(range.count) > UInt64(contentLeft) { return refuseTooLarge() }
                state = .chunked(chunks)
                return take(range)
            case .end: state = .ended
            case .failed(let error): state = .failed(error)
            }
            return decoding
        }
    }

    /// Says that the connection has ended: true if that is where the body ends, too. Otherwise the message is incomplete
    /// (RFC 9112 section 8) and must not be relayed as whole.
    public mutating func finish() -> Bool {
        switch state {
        case .ended, .untilClose, .length(0):
            state = .ended
            return true
        case .length, .chunked:
            state = .failed(HTTP1Error(.truncatedBody))
            return false
        case .failed: return false
        }
    }

    private mutating func take(_ range: Range<Int>) -> BodyDecoding {
        guard range.count <= contentLeft else { return refuseTooLarge() }
        contentLeft -= range.count
        return .data(range, consumed: range.upperBound)
    }

    private mutating func refuseTooLarge() -> BodyDecoding {
        state = .failed(HTTP1Error(.contentTooLarge))
        return .failed(HTTP1Error(.contentTooLarge))
    }
}

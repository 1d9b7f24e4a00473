import GatewayCore
import Wire

/// What the codec makes of the bytes of one connection, however they were cut into reads; for comparing runs with each other.
struct HTTP1Transcript<Head: Equatable & Sendable>: Equatable {
    struct Message: Equatable {
        var head: Head
        var content: [UInt8] = []
        var isComplete = false
    }

    enum Ending: Equatable {
        /// Every byte belonged to a complete message.
        case betweenMessages
        /// The bytes ended inside a head or a body.
        case insideMessage
        /// The connection may not carry another message; what follows is not read.
        case closes
        case failed(HTTP1Error.Kind)
    }

    var messages: [Message] = []
    var ending = Ending.betweenMessages
    /// Bytes taken for good; a head counts when it is complete.
    var consumed = 0
}

extension HTTP1Transcript where Head == RequestHead {
    static func requests(_ input: [UInt8], cuts: [Int] = [], limits: HeadLimits = HeadLimits()) -> Self {
        var parser = RequestHeadParser(limits: limits)
        return read(input, cuts: cuts, parse: { parser.parse($0) }, framing: \.framing, goesOn: \.isPersistent)
    }
}

extension HTTP1Transcript where Head == ResponseHead {
    /// Interim responses and the first final one.
    static func responses(_ input: [UInt8], cuts: [Int] = [], toHEAD: Bool = false, limits: HeadLimits = HeadLimits()) -> Self {
        var parser = ResponseHeadParser(limits: limits)
        return read(
            input, cuts: cuts, parse: { parser.parse($0, requestMethodIsHEAD: toHEAD) }, framing: \.framing, goesOn: { $0.status < 200 })
    }
}

extension HTTP1Transcript {
    /// Feeds `input` as reads that end at `cuts` and at its end, up to the first head after which the connection does not go on.
    static func read(
        _ input: [UInt8], cuts: [Int], parse: (UnsafeRawBufferPointer) -> HeadParsing<Head>, framing: (Head) -> BodyFraming,
        goesOn: (Head) -> Bool
    ) -> Self {
        var transcript = Self()
        var decoder: BodyDecoder?

        /// Reads on in what has arrived; false when nothing more is to be read at all.
        func advance(_ arrived: UnsafeRawBufferPointer) -> Bool {
            while true {
                let unread = UnsafeRawBufferPointer(rebasing: arrived[transcript.consumed...])
                if decoder == nil {
                    if unread.isEmpty { return true }
                    switch parse(unread) {
                    case .incomplete:
                        transcript.ending = .insideMessage
                        return true
                    case .failed(let error):
                        transcript.ending = .failed(error.kind)
                        return false
                    case .complete(let head, let consumed):
                        precondition(consumed > 0 && consumed <= unread.count, "a head consumes what it was given and no more")
                        transcript.messages.append(Message(head: head))
                        transcript.consumed += consumed
                        transcript.ending = .insideMessage
                        decoder = BodyDecoder(framing(head))
                    }
                } else {
                    guard transcript.readContent(&decoder, unread) else { return transcript.ending == .insideMessage }
                    if let head = transcript.messages.last?.head, !goesOn(head) {
                        transcript.ending = .closes
                        return false
                    }
                }
            }
        }

        input.withUnsafeBytes { bytes in
            for end in cuts + [input.count] where !advance(UnsafeRawBufferPointer(rebasing: bytes[..<end])) { return }
            // The end of the connection ends a body that has no framing of its own.
            if var last = decoder, last.finish() {
                transcript.messages[transcript.messages.count - 1].isComplete = true
                transcript.ending = .closes
            }
        }
        return transcript
    }

    /// Reads content until the body ends (true), or the bytes do or a mistake is found (false).
    private mutating func readContent(_ decoder: inout BodyDecoder?, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while let decoding = decoder?.decode(UnsafeRawBufferPointer(rebasing: bytes[position...])) {
            let given = bytes.count - position
            switch decoding {
            case .needMore(let taken):
                precondition(taken == given, "a decoder that needs more has taken all")
                consumed += taken
                return false
            case .data(let range, let taken):
                precondition(!range.isEmpty && range.upperBound <= taken && taken <= given, "content lies in what was given")
                messages[messages.count - 1].content += bytes[position...][(position + range.lowerBound)..<(position + range.upperBound)]
                consumed += taken
                position += taken
            case .end(let taken):
                precondition(taken <= given, "an end lies in what was given")
                consumed += taken
                messages[messages.count - 1].isComplete = true
                decoder = nil
                ending = .betweenMessages
                return true
            case .failed(let error):
                ending = .failed(error.kind)
                return false
            }
        }
        return false
    }
}

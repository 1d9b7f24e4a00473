import GatewayCore

/// The chunked transfer coding (RFC 9112 section 7.1), a byte at a time outside the data.
///
/// Stricter than the grammar in one point: no blanks stand around an extension's parts (the grammar's BWS, which senders must not write).
struct ChunkedDecoder: Sendable {
    private enum State: Sendable {
        case size
        case extensionName
        case extensionValueStart
        case extensionValue
        case quotedValue
        case quotedPair
        case afterQuotedValue
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case endLineFeed
    }

    private var state = State.size
    /// The size being read, then what is left of the chunk.
    private var remaining: UInt64 = 0
    private var digits = 0
    /// Whether the current extension name has a character yet.
    private var hasName = false
    /// The start of the current trailer field's name, as far as a name with a meaning reaches.
    private var trailerName: [UInt8] = []
    private var extensionBytesLeft: Int
    private var trailerBytesLeft: Int

    /// What is still to come of the chunk that has been announced.
    var announcedBytes: UInt64 { state == .data ? remaining : 0 }

    init(limits: BodyLimits) {
        extensionBytesLeft = limits.chunkExtensionBytes
        trailerBytesLeft = limits.trailerBytes
    }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) -> BodyDecoding {
        var position = 0
        while position < bytes.count {
            if state == .data {
                let taken = Int(min(remaining, UInt64(bytes.count - position)))
                remaining -= UInt64(taken)
                if remaining == 0 { state = .dataCarriageReturn }
                return .data(position..<(position + taken), consumed: position + taken)
            }
            do throws(HTTP1Error) {
                if try step(bytes[position]) { return .end(consumed: position + 1) }
            } catch {
                return .failed(error)
            }
            position += 1
        }
        return .needMore(consumed: position)
    }

    /// Takes one byte that is no data; true if it ends the body.
    private mutating func step(_ byte: UInt8) throws(HTTP1Error) -> Bool {
        switch state {
        case .size: try stepInSize(byte)
        case .extensionName, .extensionValueStart, .extensionValue, .quotedValue, .quotedPair, .afterQuotedValue:
            try stepInExtension(byte)
        case .sizeLineFeed:
            try expectLineFeed(byte)
            state = remaining > 0 ? .data : .trailerStart
        case .data: break
        case .dataCarriageReturn:
            guard byte == Byte.carriageReturn else { throw HTTP1Error(byte == Byte.lineFeed ? .bareLineFeed : .missingChunkEnd) }
            state = .dataLineFeed
        case .dataLineFeed:
            try expectLineFeed(byte)
            state = .size
            digits = 0
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed:
            return try stepInTrailers(byte)
        }
        return false
    }

    private mutating func stepInSize(_ byte: UInt8) throws(HTTP1Error) {
        if let value = ASCII.hexValue(byte) {
            digits += 1
            guard digits <= 16, remaining >> 59 == 0 else { throw HTTP1Error(.chunkSizeOverflow) }
            remaining = remaining << 4 | UInt64(value)
            return
        }
        guard digits > 0 else { throw HTTP1Error(byte == Byte.lineFeed ? .bareLineFeed : .invalidChunkSize) }
        switch byte {
        case Byte.carriageReturn: state = .sizeLineFeed
        case Byte.semicolon: startExtension()
        default: throw HTTP1Error(byte == Byte.lineFeed ? .bareLineFeed : .invalidChunkSize)
        }
    }

    private mutating func startExtension() {
        state = .extensionName
        hasName = false
    }

    private mutating func stepInExtension(_ byte: UInt8) throws(HTTP1Error) {
        if byte == Byte.lineFeed { throw HTTP1Error(.bareLineFeed) }
        extensionBytesLeft -= 1
        guard extensionBytesLeft >= 0 else { throw HTTP1Error(.chunkExtensionsTooLarge) }
        switch state {
        case .extensionName where ByteSet.token.contains(byte): hasName = true
        case .extensionName where hasName && byte == Byte.equals: state = .extensionValueStart
        case .extensionValueStart where byte == Byte.quote: state = .quotedValue
        case .extensionValueStart where ByteSet.token.contains(byte): state = .extensionValue
        case .extensionValue where ByteSet.token.contains(byte): break
        case .quotedValue where byte == Byte.quote: state = .afterQuotedValue
        case .quotedValue where byte == Byte.backslash: state = .quotedPair
        case .quotedValue where Byte.isText(byte): break
        case .quotedPair where Byte.isText(byte): state = .quotedValue
        case .extensionName where hasName, .extensionValue, .afterQuotedValue: try endExtension(byte)
        default: throw HTTP1Error(.invalidChunkExtension)
        }
    }

    private mutating func endExtension(_ byte: UInt8) throws(HTTP1Error) {
        switch byte {
        case Byte.semicolon: startExtension()
        case Byte.carriageReturn: state = .sizeLineFeed
        default: throw HTTP1Error(.invalidChunkExtension)
        }
    }

    private mutating func stepInTrailers(_ byte: UInt8) throws(HTTP1Error) -> Bool {
        if state == .endLineFeed {
            try expectLineFeed(byte)
            return true
        }
        if state == .trailerStart, byte == Byte.carriageReturn {
            state = .endLineFeed
            return false
        }
        trailerBytesLeft -= 1
        guard trailerBytesLeft >= 0 else { throw HTTP1Error(.trailersTooLarge) }
        if state == .trailerLineFeed {
            try expectLineFeed(byte)
            state = .trailerStart
            return false
        }
        if byte == Byte.lineFeed { throw HTTP1Error(.bareLineFeed) }
        if state == .trailerValue {
            if byte == Byte.carriageReturn {
                state = .trailerLineFeed
            } else if !Byte.isText(byte) {
                throw HTTP1Error(.controlInFieldValue)
            }
        } else if byte == Byte.colon {
            guard state == .trailerName else { throw HTTP1Error(.emptyFieldName) }
            try endTrailerName()
            state = .trailerValue
        } else {
            try stepInTrailerName(byte)
        }
        return false
    }

    private mutating func stepInTrailerName(_ byte: UInt8) throws(HTTP1Error) {
        guard ByteSet.token.contains(byte) else {
            if byte == Byte.carriageReturn { throw HTTP1Error(.missingColon) }
            if Byte.isBlank(byte) { throw HTTP1Error(state == .trailerStart ? .foldedLine : .spaceBeforeColon) }
            throw HTTP1Error(.invalidFieldName)
        }
        state = .trailerName
        if trailerName.count < 32 { trailerName.append(byte) }
    }

    /// A field that frames or routes the message or rules the connection comes too late here (RFC 9110 section 6.5.1), and shows that someone hopes it is believed.
    private mutating func endTrailerName() throws(HTTP1Error) {
        switch trailerName.withUnsafeBytes({ FieldName($0) }) {
        case .contentLength, .transferEncoding, .connection, .host: throw HTTP1Error(.forbiddenTrailer)
        default: trailerName.removeAll(keepingCapacity: true)
        }
    }

    /// Only called where a CR came before.
    private func expectLineFeed(_ byte: UInt8) throws(HTTP1Error) {
        guard byte == Byte.lineFeed else { throw HTTP1Error(.bareCarriageReturn) }
    }
}

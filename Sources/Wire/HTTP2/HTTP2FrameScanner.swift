/// The nine bytes before every frame (RFC 9113 section 4.1).
struct HTTP2FrameHeader: Sendable, Equatable {
    var length: Int
    var type: UInt8
    var flags: UInt8
    /// Without the reserved bit.
    var streamID: Int32

    static let byteCount = 9
    /// SETTINGS_MAX_FRAME_SIZE as it stands where nobody has changed it, and we do not.
    static let greatestLength = 16_384

    static let data: UInt8 = 0x0
    static let headers: UInt8 = 0x1
    static let priority: UInt8 = 0x2
    static let rstStream: UInt8 = 0x3
    static let settings: UInt8 = 0x4
    static let pushPromise: UInt8 = 0x5
    static let ping: UInt8 = 0x6
    static let goAway: UInt8 = 0x7
    static let windowUpdate: UInt8 = 0x8
    static let continuation: UInt8 = 0x9
    /// RFC 9218 section 7.1.
    static let priorityUpdate: UInt8 = 0x10

    static let endStream: UInt8 = 0x1
    static let acknowledgement: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
}

/// Finds the frame headers in a connection's bytes however these are cut, and looks at nothing else.
///
/// It goes ahead of nghttp2, which keeps no count of most frames and passes over some in silence (those of unknown types, those for
/// closed streams).
struct HTTP2FrameScanner: Sendable {
    /// Bytes of the client preface or of a payload that are still to be passed over.
    private var skip: Int
    /// Header blocks that have begun, and whether the last frame of the latest is still to come or being read.
    private var headerBlocks = 0
    private var blockContinues = false
    private var isInBlockFrame = false
    /// The header so far: length, type and flags; then the stream.
    private var upper: UInt64 = 0
    private var lower: UInt32 = 0
    private var filled = 0
    /// The stream of a PRIORITY frame, and what has come of the stream that it depends on.
    private var priorityStream: Int32 = 0
    private var dependency: UInt32 = 0
    private var dependencyBytes = 4
    /// A PRIORITY frame made a stream depend on itself, which RFC 7540 section 5.3.1 forbids; RFC 9113 says nothing of it.
    private(set) var foundSelfDependency = false

    /// - Parameter prefaceBytes: 24 for what a client sends (RFC 9113 section 3.4), 0 for what a server sends.
    init(prefaceBytes: Int) { skip = prefaceBytes }

    /// The next header that is complete within `bytes`; `offset` then stands behind it. Nil when the bytes are used up.
    mutating func next(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> HTTP2FrameHeader? {
        if skip > 0 {
            let passed = min(skip, bytes.count &- offset)
            if dependencyBytes < 4 { readDependency(bytes, offset..<(offset + passed)) }
            offset &+= passed
            skip &-= passed
        }
        while offset < bytes.count {
            let byte = bytes[offset]
            offset &+= 1
            if filled < 5 { upper = upper << 8 | UInt64(byte) } else { lower = lower << 8 | UInt32(byte) }
            filled &+= 1
            guard filled == HTTP2FrameHeader.byteCount else { continue }
            let header = HTTP2FrameHeader(
                length: Int(upper >> 16 & 0xFF_FFFF), type: UInt8(truncatingIfNeeded: upper >> 8), flags: UInt8(truncatingIfNeeded: upper),
                streamID: Int32(bitPattern: lower & 0x7FFF_FFFF))
            filled = 0
            upper = 0
            lower = 0
            skip = header.length
            noteHeaderBlock(header)
            if header.type == HTTP2FrameHeader.priority, header.length == 5 {
                priorityStream = header.streamID
                dependency = 0
                dependencyBytes = 0
            }
            return header
        }
        return nil
    }

    /// The number of the header block that has begun and not ended, nil outside of any. A peer that stops there stops the whole connection,
    /// because no other frame may come between (RFC 9113 section 4.3).
    var openHeaderBlock: Int? { blockContinues || isInBlockFrame && skip > 0 ? headerBlocks : nil }

    private mutating func noteHeaderBlock(_ header: HTTP2FrameHeader) {
        isInBlockFrame = header.type == HTTP2FrameHeader.headers || header.type == HTTP2FrameHeader.continuation
        if header.type == HTTP2FrameHeader.headers { headerBlocks += 1 }
        if isInBlockFrame { blockContinues = header.flags & HTTP2FrameHeader.endHeaders == 0 }
    }

    private mutating func readDependency(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        for index in range where dependencyBytes < 4 {
            dependency = dependency << 8 | UInt32(bytes[index])
            dependencyBytes += 1
            if dependencyBytes == 4, dependency & 0x7FFF_FFFF == UInt32(bitPattern: priorityStream) { foundSelfDependency = true }
        }
    }
}

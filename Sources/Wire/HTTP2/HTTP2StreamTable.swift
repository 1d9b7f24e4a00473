import GatewayCore

/// The part of a stream's body that waits to be sent.
struct HTTP2OutboundBody {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Nothing more will be appended.
    var isEnded = false
    /// Sent behind the body if there are any.
    var trailers: FieldSection?

    var count: Int { bytes.count - start }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        if start > 0, start >= bytes.count / 2 {
            bytes.removeSubrange(..<start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// Moves up to `capacity` bytes out.
    mutating func read(into target: UnsafeMutablePointer<UInt8>, capacity: Int) -> Int {
        let taken = min(count, capacity)
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawPointer(target).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: source[start..<(start + taken)]).baseAddress ?? UnsafeRawPointer(target),
                byteCount: taken)
        }
        start += taken
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 65_536)
            start = 0
        }
        return taken
    }
}

/// One stream's state that nghttp2 does not keep.
struct HTTP2StreamSlot {
    struct State: OptionSet {
        let rawValue: UInt16
        /// The delegate knows of the stream and will hear of its end.
        static let announced = State(rawValue: 1 << 0)
        /// The peer has sent its last frame of the message.
        static let peerEnded = State(rawValue: 1 << 1)
        /// nghttp2 waits for more of the body.
        static let deferred = State(rawValue: 1 << 2)
        /// `sendBody` asked its caller to pause.
        static let paused = State(rawValue: 1 << 3)
        /// Our head is on its way.
        static let responded = State(rawValue: 1 << 4)
        /// The request was refused, so its body is thrown away.
        static let discardsBody = State(rawValue: 1 << 5)
        /// The request never left: it may be sent again.
        static let notSent = State(rawValue: 1 << 6)
        /// We have asked for RST_STREAM; nothing more is delivered.
        static let reset = State(rawValue: 1 << 7)
        /// The final response head has come; what follows are trailers.
        static let headReceived = State(rawValue: 1 << 8)
        /// A client's HEADERS are out.
        static let left = State(rawValue: 1 << 9)
        /// A server's answer is out in full, and the request has not ended.
        static let answered = State(rawValue: 1 << 10)
    }

    var streamID: Int32 = 0
    var state: State = []
    /// Bytes of the peer's body that were delivered and not yet consumed.
    var unconsumed = 0
    /// Bytes of the peer's body that its head announced, and those that have come.
    var announced = 0
    var received = 0
    var outbound = HTTP2OutboundBody()
}

/// The live streams of a connection. A slot's index, plus one, is what nghttp2 keeps as the stream's user data: a number in the place
/// of a pointer, so that nothing is retained and nothing can dangle.
struct HTTP2StreamTable {
    private(set) var slots: [HTTP2StreamSlot] = []
    private var free: [Int] = []

    var liveCount: Int { slots.count - free.count }

    subscript(index: Int) -> HTTP2StreamSlot {
        get { slots[index] }
        _modify { yield &slots[index] }
    }

    mutating func insert(streamID: Int32) -> Int {
        if let index = free.popLast() {
            slots[index].streamID = streamID
            return index
        }
        slots.append(HTTP2StreamSlot(streamID: streamID))
        return slots.count - 1
    }

    mutating func remove(_ index: Int) {
        slots[index] = HTTP2StreamSlot()
        free.append(index)
    }

    /// The streams that are live, in no order.
    var liveIndices: [Int] { slots.indices.filter { slots[$0].streamID != 0 } }

    static func token(_ index: Int) -> UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: index + 1) }

    static func index(_ token: UnsafeMutableRawPointer?) -> Int? {
        guard let token else { return nil }
        return Int(bitPattern: token) - 1
    }
}

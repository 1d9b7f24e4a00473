/// The most a message head may hold. Lengths are bytes as received.
public struct HeadLimits: Sendable, Equatable {
    /// The request or status line without its CRLF. Beyond it: 414 for a request.
    public var startLineBytes = 8192
    /// Field lines. Beyond it: 431.
    public var fieldCount = 100
    /// The whole head from its first byte to the empty line that ends it, line ends included. Beyond it: 431. At most 1 GiB is honoured.
    public var headBytes = 65_536

    public init(startLineBytes: Int = 8192, fieldCount: Int = 100, headBytes: Int = 65_536) {
        self.startLineBytes = startLineBytes
        self.fieldCount = fieldCount
        self.headBytes = headBytes
    }

    /// The longest method accepted, in bytes; the registry's longest has 17. Beyond it: 501.
    public static let methodBytes = 32

    /// The last index at which the LF of the start line may stand when the line starts at `start`.
    func lastLineFeed(ofStartLineAt start: Int) -> Int { min(start + startLineBytes + 1, lastLineFeed) }

    /// The last index at which any LF of the head may stand.
    var lastLineFeed: Int { min(headBytes, 1 << 30) - 1 }
}

/// The most a message body may hold. Lengths are bytes as received.
public struct BodyLimits: Sendable, Equatable {
    /// The content, chunk framing left out. Beyond it: 413.
    public var contentBytes = Int.max
    /// The chunk extensions of the whole message together; nothing here uses them, so they only cost. Beyond it: 400.
    public var chunkExtensionBytes = 4096
    /// The trailer section, line ends included. Beyond it: 431.
    public var trailerBytes = 8192

    public init(contentBytes: Int = .max, chunkExtensionBytes: Int = 4096, trailerBytes: Int = 8192) {
        self.contentBytes = contentBytes
        self.chunkExtensionBytes = chunkExtensionBytes
        self.trailerBytes = trailerBytes
    }
}

/// The streams of one connection by identifier: at most a hundred, so a search in a row of numbers is the fastest table.
struct HTTP2Streams<Stream: AnyObject> {
    private var ids: [Int32] = []
    private var streams: [Stream] = []

    var isEmpty: Bool { ids.isEmpty }
    var count: Int { ids.count }

    subscript(id: Int32) -> Stream? { ids.firstIndex(of: id).map { streams[$0] } }

    mutating func insert(_ stream: Stream, id: Int32) {
        ids.append(id)
        streams.append(stream)
    }

    mutating func remove(_ id: Int32) -> Stream? {
        guard let index = ids.firstIndex(of: id) else { return nil }
        ids.swapAt(index, ids.count - 1)
        streams.swapAt(index, streams.count - 1)
        ids.removeLast()
        return streams.removeLast()
    }

    mutating func removeAll() -> [Stream] {
        defer { self = HTTP2Streams() }
        return streams
    }

    /// A copy, because what is done with a stream may end it.
    var all: [Stream] { streams }
}

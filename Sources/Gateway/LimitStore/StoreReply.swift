import CHiredis

/// One reply of a Redis or Valkey, as far as it matters here.
enum StoreReply: Equatable {
    /// An array of integers, or a single one.
    case integers([Int64])
    /// A status line or a string.
    case text(String)
    /// `-CODE sentence`. The server's own words; they repeat no secret.
    case error(String)
    case other

    init(_ reply: UnsafePointer<redisReply>) {
        switch reply.pointee.type {
        case REDIS_REPLY_INTEGER: self = .integers([reply.pointee.integer])
        case REDIS_REPLY_STATUS, REDIS_REPLY_STRING: self = .text(StoreReply.text(reply))
        case REDIS_REPLY_ERROR: self = .error(StoreReply.text(reply))
        case REDIS_REPLY_ARRAY:
            var integers: [Int64] = []
            integers.reserveCapacity(reply.pointee.elements)
            for index in 0..<reply.pointee.elements {
                guard let element = reply.pointee.element?[index], element.pointee.type == REDIS_REPLY_INTEGER else {
                    self = .other
                    return
                }
                integers.append(element.pointee.integer)
            }
            self = .integers(integers)
        default: self = .other
        }
    }

    private static func text(_ reply: UnsafePointer<redisReply>) -> String {
        guard let start = reply.pointee.str else { return "" }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(reply.pointee.len))
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Takes a connection's bytes and gives replies: hiredis's protocol reader.
final class StoreReplyReader {
    enum Failure: Error {
        /// What came is not the protocol.
        case malformed
        /// No reply of ours is longer.
        case tooLong
        case noMemory
    }

    /// A reply is at most a script's digest or a few integers.
    private static let longestReply = 64 << 10

    private let reader: UnsafeMutablePointer<redisReader>
    private var unanswered = 0

    init() throws(Failure) {
        guard let reader = redisReaderCreate() else { throw .noMemory }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

    /// Takes bytes, split anywhere.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard let start = bytes.baseAddress else { return }
        unanswered += bytes.count
        guard redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), bytes.count) == REDIS_OK else { throw .malformed }
    }

    /// The next whole reply; nil where more bytes are needed.
    func next() throws(Failure) -> StoreReply? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw .malformed }
        guard let object else {
            if unanswered > StoreReplyReader.longestReply { throw .tooLong }
            return nil
        }
        defer { freeReplyObject(object) }
        unanswered = 0
        return StoreReply(UnsafePointer(object.assumingMemoryBound(to: redisReply.self)))
    }
}

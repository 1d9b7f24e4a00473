import CZlib

/// Undoes gzip (RFC 1952) as the bytes come in, several members one after the other included.
package final class AuditGzip {
    package struct Broken: Error, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// The first two bytes of every member.
    package static func isGzip(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 1 && bytes[0] == 0x1F && bytes[1] == 0x8B
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private var output = [UInt8](repeating: 0, count: 256 << 10)
    /// Whether the last member has come to its end.
    private var isComplete = false

    package init() throws(Broken) {
        // zlib keeps a pointer to the stream, so it must not move.
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard countersign_inflate_init_gzip(stream) == Z_OK else {
            stream.deallocate()
            throw Broken(description: "zlib could not be prepared")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Calls `body` with what `bytes` hold, piece by piece, until it says that it has seen enough.
    package func consume(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) throws(Broken) -> Bool {
        // zlib does not write to its input, only the old type of the member says so.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        while stream.pointee.avail_in > 0 {
            if isComplete {
                inflateReset(stream)
                isComplete = false
            }
            let capacity = output.count
            let (code, isWanted) = output.withUnsafeMutableBytes { room in
                stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(capacity)
                let code = inflate(stream, Z_NO_FLUSH)
                let count = capacity - Int(stream.pointee.avail_out)
                return (code, count == 0 || body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
            }
            if !isWanted { return false }
            switch code {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: isComplete = true
            default: throw Broken(description: "is no sound gzip file")
            }
        }
        return true
    }

    /// The input has ended. Only between two members is that its end.
    package func finish() throws(Broken) {
        if !isComplete { throw Broken(description: "is a gzip file that was cut off") }
    }
}

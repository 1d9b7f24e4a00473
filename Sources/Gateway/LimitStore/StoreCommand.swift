import CHiredis
import NIOCore

/// A command being put together: its arguments one after the other, written by hiredis's formatter. Kept and used again, so that a
/// request costs no new arrays.
final class StoreCommand {
    /// Every argument's bytes, in order.
    var bytes: [UInt8] = []
    /// The length of each.
    var lengths: [Int] = []
    private var starts: [UnsafePointer<CChar>?] = []

    func clear() {
        bytes.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }

    func append(_ argument: some Collection<UInt8>) {
        bytes.append(contentsOf: argument)
        lengths.append(argument.count)
    }

    /// Writes the command in the protocol.
    /// - Returns: false where there is no memory for it.
    func write(to buffer: inout ByteBuffer) -> Bool {
        starts.removeAll(keepingCapacity: true)
        let count = bytes.withUnsafeBytes { all -> Int in
            guard let base = all.baseAddress?.assumingMemoryBound(to: CChar.self) else { return -1 }
            var offset = 0
            for length in lengths {
                starts.append(base + offset)
                offset += length
            }
            var formatted: UnsafeMutablePointer<CChar>?
            let count = Int(redisFormatCommandArgv(&formatted, Int32(lengths.count), &starts, lengths))
            if count > 0, let formatted { buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: count)) }
            redisFreeCommand(formatted)
            return count
        }
        return count > 0
    }
}

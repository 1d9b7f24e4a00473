#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds the lines of a head in a buffer that grows between calls, looking at each byte once however it arrives.
struct LineScanner: Sendable {
    /// Where the current line starts.
    private(set) var lineStart = 0
    /// No LF stands in the current line before this index.
    private var scanned = 0

    /// Whether no byte has been looked at.
    var isAtStart: Bool { scanned == 0 }

    /// The next whole line without its CRLF, or nil if its LF has not arrived.
    ///
    /// - Parameters:
    ///   - lastLineFeed: the last index at which the LF may stand.
    ///   - tooLong: thrown as soon as the LF cannot stand at or before `lastLineFeed`.
    @inline(__always)
    mutating func nextLine(
        in bytes: UnsafeRawBufferPointer, lastLineFeed: Int, tooLong: HTTP1Error.Kind
    ) throws(HTTP1Error) -> Range<Int>? {
        let count = bytes.count
        if scanned < count, let base = bytes.baseAddress, let found = memchr(base + scanned, Int32(Byte.lineFeed), count &- scanned) {
            let lineFeed = UnsafeRawPointer(found) - base
            guard lineFeed <= lastLineFeed else { throw HTTP1Error(tooLong) }
            guard lineFeed > lineStart, bytes[lineFeed &- 1] == Byte.carriageReturn else { throw HTTP1Error(.bareLineFeed) }
            let line = lineStart..<(lineFeed &- 1)
            lineStart = lineFeed &+ 1
            scanned = lineStart
            return line
        }
        scanned = max(scanned, count)
        guard count <= lastLineFeed else { throw HTTP1Error(tooLong) }
        return nil
    }
}

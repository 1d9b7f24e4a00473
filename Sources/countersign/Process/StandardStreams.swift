import Glibc

/// The three standard streams without buffering and without Foundation, whose file handles alone would cost an idle sidecar several MiB.
enum StandardStreams {
    /// Writes all bytes to standard output. Throws `StreamError`, for instance when a pipe is closed.
    static func write(_ bytes: some Collection<UInt8>) throws(StreamError) { try write(Array(bytes), to: STDOUT_FILENO) }

    /// Writes text to standard error. Where it cannot be written there is nobody to tell.
    static func complain(_ text: String) { try? write(Array(text.utf8), to: STDERR_FILENO) }

    /// All of standard input.
    static func readToEnd() throws(StreamError) -> [UInt8] { try readToEnd(of: STDIN_FILENO) }

    static func readToEnd(of descriptor: Int32) throws(StreamError) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                all += buffer[..<count]
            } else if count == 0 {
                return all
            } else if errno != EINTR {
                throw StreamError(code: errno)
            }
        }
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(StreamError) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
            }
            if count >= 0 {
                start += count
            } else if errno != EINTR {
                throw StreamError(code: errno)
            }
        }
    }
}

/// A system call on a stream failed.
struct StreamError: Error, CustomStringConvertible {
    let code: Int32
    var description: String { String(cString: strerror(code)) }
}

import GatewayCore
import Glibc

/// Keeps a destination's cursor from one run of the process to the next.
struct ShipCursorFile {
    let path: String

    init(trail: String, destination: ShipDestination) {
        path = ShipCursor.fileName(trail: trail, destination: destination.description)
    }

    /// Nil where there is none that can be read: then everything that is at hand is sent.
    func load() -> ShipCursor? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? ShipCursor(decoding: Array(bytes[..<count])) : nil
    }

    /// Replaces the file as a whole. Nil when that is done, else why it is not: then more than needed is sent again after a restart.
    func save(_ cursor: ShipCursor) -> String? {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        let text = cursor.encoded
        let count = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let isWritten = count == text.count && fdatasync(descriptor) == 0
        let code = errno
        close(descriptor)
        guard isWritten, rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(isWritten ? errno : code))
            unlink(temporary)
            return reason
        }
        return nil
    }
}

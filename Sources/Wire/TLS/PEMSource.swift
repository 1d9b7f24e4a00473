import COpenSSL
import Glibc

/// Where PEM text (RFC 7468) comes from. Descriptions give the name alone, never the bytes.
public enum PEMSource: Sendable, CustomStringConvertible {
    /// A file, at most 4 MiB.
    case file(String)
    /// Bytes in memory; `name` stands for them in errors.
    case bytes([UInt8], name: String)

    public var description: String {
        switch self {
        case .file(let path): path
        case .bytes(_, let name): name
        }
    }

    static let sizeLimit = 4 << 20

    /// All certificates, in the order of the file; at least one.
    func certificates() throws(TLSError) -> [Certificate] {
        try read { bio throws(TLSError) in
            var found: [Certificate] = []
            while let pointer = PEM_read_bio_X509(bio, nil, Self.refusePassphrase, nil) {
                found.append(Certificate(owning: pointer))
            }
            try endOfEntries(found.count, what: "certificate", label: "CERTIFICATE")
            return found
        }
    }

    /// All revocation lists, in the order of the file; at least one.
    func revocationLists() throws(TLSError) -> [RevocationList] {
        try read { bio throws(TLSError) in
            var found: [RevocationList] = []
            while let pointer = PEM_read_bio_X509_CRL(bio, nil, Self.refusePassphrase, nil) {
                found.append(RevocationList(owning: pointer))
            }
            try endOfEntries(found.count, what: "revocation list", label: "X509 CRL")
            return found
        }
    }

    /// The first private key.
    func privateKey() throws(TLSError) -> PrivateKey {
        try read { bio throws(TLSError) in
            guard Self.holdsKey(bio) else {
                throw TLSError(.configuration, "\(self): no PEM private key in it (expected -----BEGIN PRIVATE KEY-----)")
            }
            if let pointer = PEM_read_bio_PrivateKey(bio, nil, Self.refusePassphrase, nil) {
                ErrorQueue.clear()
                return PrivateKey(owning: pointer)
            }
            let errors = ErrorQueue.drain()
            if errors.contains(where: { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_BAD_PASSWORD_READ }) {
                throw TLSError(
                    .configuration, "\(self): the private key is encrypted; store it without a passphrase (openssl pkey -in FILE)")
            }
            throw TLSError(.configuration, "\(self): the private key cannot be read (\(errors.text))")
        }
    }

    /// Whether the text has a line that starts a key; OpenSSL's error for its absence says "unsupported".
    private static func holdsKey(_ bio: OpaquePointer) -> Bool {
        let label: StaticString = "PRIVATE KEY-----"
        var start: UnsafeMutablePointer<CChar>?
        let count = countersign_bio_contents(bio, &start)
        guard let start, count >= label.utf8CodeUnitCount else { return false }
        return (0...(count - label.utf8CodeUnitCount)).contains { memcmp(start + $0, label.utf8Start, label.utf8CodeUnitCount) == 0 }
    }

    /// Without it OpenSSL would ask on the terminal.
    private static let refusePassphrase: @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = {
        _, _, _, _ in -1
    }

    /// After the last entry OpenSSL reports "no start line"; anything else is a damaged entry.
    private func endOfEntries(_ count: Int, what: String, label: String) throws(TLSError) {
        let errors = ErrorQueue.drain()
        let ended = errors.isEmpty || errors.contains { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_NO_START_LINE }
        if !ended { throw TLSError(.configuration, "\(self): \(what) \(count + 1) cannot be read (\(errors.text))") }
        if count == 0 { throw TLSError(.configuration, "\(self): no PEM \(what) in it (expected -----BEGIN \(label)-----)") }
    }

    /// Runs `body` on the text. What was read from a file is wiped afterwards, as it may be a key.
    private func read<Value>(_ body: (OpaquePointer) throws(TLSError) -> Value) throws(TLSError) -> Value {
        switch self {
        case .bytes(let bytes, _):
            return try bytes.withUnsafeBufferPointer { view throws(TLSError) in try Self.withBIO(UnsafeRawBufferPointer(view), body) }
        case .file(let path):
            let memory = try Self.contents(path)
            defer {
                OPENSSL_cleanse(memory.baseAddress, memory.count)
                memory.deallocate()
            }
            return try Self.withBIO(UnsafeRawBufferPointer(memory), body)
        }
    }

    private static func withBIO<Value>(
        _ bytes: UnsafeRawBufferPointer, _ body: (OpaquePointer) throws(TLSError) -> Value
    ) throws(TLSError) -> Value {
        ErrorQueue.clear()
        guard let bio = BIO_new_mem_buf(bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1), Int32(bytes.count)) else {
            throw TLSError(.fault, "OpenSSL could not make a buffer (\(ErrorQueue.drain().text))")
        }
        defer { BIO_free(bio) }
        return try body(bio)
    }

    private static func contents(_ path: String) throws(TLSError) -> UnsafeMutableRawBufferPointer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TLSError(.configuration, "\(path): cannot be read (\(String(cString: strerror(errno))))") }
        defer { close(descriptor) }
        var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 1)
        var count = 0
        while true {
            let got = Glibc.read(descriptor, memory.baseAddress?.advanced(by: count), memory.count - count)
            if got < 0 && errno == EINTR { continue }
            if got == 0 { break }
            let problem = got < 0 ? String(cString: strerror(errno)) : count + got == sizeLimit ? "larger than 4 MiB" : nil
            if let problem {
                OPENSSL_cleanse(memory.baseAddress, memory.count)
                memory.deallocate()
                throw TLSError(.configuration, "\(path): cannot be read (\(problem))")
            }
            count += got
            if count == memory.count {
                let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(memory.count * 4, sizeLimit), alignment: 1)
                larger.copyMemory(from: UnsafeRawBufferPointer(memory))
                OPENSSL_cleanse(memory.baseAddress, memory.count)
                memory.deallocate()
                memory = larger
            }
        }
        return UnsafeMutableRawBufferPointer(start: memory.baseAddress, count: count)
    }
}

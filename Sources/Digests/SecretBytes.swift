import COpenSSL

/// Memory for what must not leave the process: locked (never swapped out), left out of core dumps, between guard pages, and cleansed when it
/// is given back. It is libcrypto's secure heap (OPENSSL_secure_malloc(3)), which keeps private keys of TLS in the same place.
public enum SecretMemory {
    public enum Protection: Sendable, Equatable {
        case locked
        /// Cleansed when given back, but it may be swapped out or stand in a core dump: the system refused to lock it (RLIMIT_MEMLOCK).
        case unlocked
        /// Cleansed when given back, and nothing more.
        case none
    }

    /// In bytes, a power of two. Pages are taken only when they are first used.
    private static let byteCount = 4 << 20
    /// The smallest piece, in bytes.
    private static let pieceByteCount = 32

    /// Sets the memory up. Once a process, before the first secret is read; what was made before stays in ordinary memory.
    public static func prepare() -> Protection {
        switch CRYPTO_secure_malloc_init(byteCount, pieceByteCount) {
        case 1: .locked
        case 2: .unlocked
        default: .none
        }
    }

    /// From here on nobody but root reads this process's memory, by a debugger, `/proc` or a core dump (PR_SET_DUMPABLE of prctl(2)).
    /// False where the system refused.
    public static func closeToOthers() -> Bool { countersign_forbid_reading_of_memory() == 0 }

    /// Overwrites bytes that are not needed any more, which an optimiser does not leave out.
    public static func cleanse(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}

/// A secret key in `SecretMemory`: immutable, compared in constant time, never shown by a description or a mirror.
///
/// `@unchecked Sendable` is safe because the bytes are written in the initialiser alone, before anyone else can have the object, and given
/// back when nobody has it any more.
public final class SecretBytes: @unchecked Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public let count: Int
    private let start: UnsafeMutableRawPointer
    /// False where the secure heap is full: then it is ordinary memory, cleansed all the same.
    private let isLibrarys: Bool

    public convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count)
        if let from = bytes.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) }
    }

    public convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        bytes.withUnsafeBytes { if let from = $0.baseAddress { start.copyMemory(from: from, byteCount: $0.count) } }
    }

    public convenience init(_ text: String) {
        var bytes = Array(text.utf8)
        self.init(bytes)
        SecretMemory.cleanse(&bytes)
    }

    private init(count: Int) {
        self.count = count
        if let taken = CRYPTO_secure_zalloc(max(count, 1), #fileID, #line) {
            start = taken
            isLibrarys = true
        } else {
            start = .allocate(byteCount: max(count, 1), alignment: 1)
            isLibrarys = false
        }
    }

    deinit {
        if isLibrarys {
            CRYPTO_secure_clear_free(start, count, #fileID, #line)
        } else {
            OPENSSL_cleanse(start, count)
            start.deallocate()
        }
    }

    /// The pointer is good within `body` alone.
    public func withUnsafeBytes<R, Failure>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> R) throws(Failure) -> R {
        try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Whether it lies in the secure heap.
    public var isProtected: Bool { isLibrarys && CRYPTO_secure_allocated(start) == 1 }

    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        left.withUnsafeBytes { a in right.withUnsafeBytes { ConstantTime.equal(a, $0) } }
    }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    /// `dump` and string interpolation of a holder look through mirrors: this one is blank.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

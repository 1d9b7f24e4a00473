import COpenSSL

/// A reusable HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key that stays.
///
/// The two key blocks are hashed once, when the key is set; each message then starts from copies of those two states, which
/// saves half of the compressions of a short message. It is not `Sendable`: make one for each event loop and keep it.
/// Failures are reported as in `SHA256Context`.
public final class HMACContext {
    /// Bytes in a code.
    public static let byteCount = 32
    /// Bytes that SHA-256 takes in at once; a longer key is replaced by its digest.
    private static let blockByteCount = 64

    private let inner: OpaquePointer
    private let outer: OpaquePointer
    private let working: OpaquePointer
    private let algorithm: SHA256Algorithm
    public private(set) var hasFailed = false
    /// False where a key could not be set: no message may pass under half a key, or under the one before.
    private var hasKey = false

    public init(key: UnsafeRawBufferPointer) throws(DigestError) {
        algorithm = try SHA256Algorithm.fetched()
        guard let inner = EVP_MD_CTX_new() else { throw .contextUnavailable }
        guard let outer = EVP_MD_CTX_new() else {
            EVP_MD_CTX_free(inner)
            throw .contextUnavailable
        }
        guard let working = EVP_MD_CTX_new() else {
            EVP_MD_CTX_free(inner)
            EVP_MD_CTX_free(outer)
            throw .contextUnavailable
        }
        self.inner = inner
        self.outer = outer
        self.working = working
        guard setKey(key) else { throw .contextUnavailable }
    }

    public convenience init(key: [UInt8]) throws(DigestError) {
        // The first key is empty because a closure of `withUnsafeBytes` cannot call a throwing initialiser of `self`.
        try self.init(key: UnsafeRawBufferPointer(start: nil, count: 0))
        guard key.withUnsafeBytes({ setKey($0) }) else { throw .contextUnavailable }
    }

    public convenience init(key: SecretBytes) throws(DigestError) {
        try self.init(key: UnsafeRawBufferPointer(start: nil, count: 0))
        guard key.withUnsafeBytes({ setKey($0) }) else { throw .contextUnavailable }
    }

    deinit {
        // libcrypto cleanses the states, which are as good as the key, when it frees them.
        EVP_MD_CTX_free(inner)
        EVP_MD_CTX_free(outer)
        EVP_MD_CTX_free(working)
    }

    /// Replaces the key. Any length is lawful; RFC 2104 section 3 recommends at least 32 bytes. Returns false where libcrypto failed;
    /// then every code fails until another key is set.
    @discardableResult
    public func setKey(_ key: UnsafeRawBufferPointer) -> Bool {
        hasKey = withUnsafeTemporaryAllocation(byteCount: HMACContext.blockByteCount, alignment: 8) { block in
            block.initializeMemory(as: UInt8.self, repeating: 0)
            defer { OPENSSL_cleanse(block.baseAddress, block.count) }
            if key.count > HMACContext.blockByteCount {
                guard digest(key, into: block) else { return false }
            } else {
                block.copyMemory(from: key)
            }
            for index in block.indices { block[index] ^= 0x36 }
            guard start(inner, with: block) else { return false }
            // 0x36 is undone and 0x5c applied in one step.
            for index in block.indices { block[index] ^= 0x36 ^ 0x5c }
            return start(outer, with: block)
        }
        if !hasKey { hasFailed = true }
        return hasKey
    }

    /// Writes the code of `message` to `output`, which must have room for 32 bytes and may lie inside `message`.
    /// Returns false, having written zeroes, where libcrypto failed now or when the key was set.
    @discardableResult
    public func authenticate(_ message: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) -> Bool {
        let code = output.assumingMemoryBound(to: UInt8.self)
        let succeeded =
            hasKey && EVP_MD_CTX_copy_ex(working, inner) == 1
            && (message.count == 0 || EVP_DigestUpdate(working, message.baseAddress, message.count) == 1)
            && EVP_DigestFinal_ex(working, code, nil) == 1
            && EVP_MD_CTX_copy_ex(working, outer) == 1
            && EVP_DigestUpdate(working, code, HMACContext.byteCount) == 1
            && EVP_DigestFinal_ex(working, code, nil) == 1
        if !succeeded {
            hasFailed = true
            output.initializeMemory(as: UInt8.self, repeating: 0, count: HMACContext.byteCount)
        }
        return succeeded
    }

    private func start(_ state: OpaquePointer, with block: UnsafeMutableRawBufferPointer) -> Bool {
        EVP_DigestInit_ex2(state, algorithm.pointer, nil) == 1 && EVP_DigestUpdate(state, block.baseAddress, block.count) == 1
    }

    private func digest(_ bytes: UnsafeRawBufferPointer, into block: UnsafeMutableRawBufferPointer) -> Bool {
        EVP_DigestInit_ex2(working, algorithm.pointer, nil) == 1
            && EVP_DigestUpdate(working, bytes.baseAddress, bytes.count) == 1
            && EVP_DigestFinal_ex(working, block.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
    }
}

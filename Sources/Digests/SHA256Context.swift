import COpenSSL

/// A reusable SHA-256 (FIPS 180-4) computation.
///
/// It is not `Sendable`: make one for each event loop and keep it. Making one may fail; using it has no error to handle. Should
/// libcrypto fail later on all the same, that result is 32 zero bytes and `hasFailed` stays true, so that a caller for whom a wrong
/// digest matters can refuse instead of going on.
public final class SHA256Context {
    /// Bytes in a digest.
    public static let byteCount = 32

    /// For whole messages.
    private let context: OpaquePointer
    /// For what `update` gathers.
    private let gathering: OpaquePointer
    private let algorithm: SHA256Algorithm
    public private(set) var hasFailed = false

    public init() throws(DigestError) {
        algorithm = try SHA256Algorithm.fetched()
        guard let context = EVP_MD_CTX_new() else { throw .contextUnavailable }
        guard let gathering = EVP_MD_CTX_new() else {
            EVP_MD_CTX_free(context)
            throw .contextUnavailable
        }
        self.context = context
        self.gathering = gathering
        reset()
        if hasFailed { throw .contextUnavailable }
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_CTX_free(gathering)
    }

    /// Writes the digest of `bytes` to `output`, which must have room for 32 bytes and may lie inside `bytes`; what `update` has
    /// gathered stays. Returns false, having written zeroes, where libcrypto failed.
    @discardableResult
    public func digest(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) -> Bool {
        let succeeded =
            EVP_DigestInit_ex2(context, algorithm.pointer, nil) == 1
            && (bytes.count == 0 || EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1)
            && EVP_DigestFinal_ex(context, output.assumingMemoryBound(to: UInt8.self), nil) == 1
        if !succeeded { fail(output) }
        return succeeded
    }

    /// Forgets what was gathered.
    public func reset() {
        if EVP_DigestInit_ex2(gathering, algorithm.pointer, nil) != 1 { hasFailed = true }
    }

    /// Adds `bytes` to the message that is gathered.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0, EVP_DigestUpdate(gathering, bytes.baseAddress, bytes.count) != 1 { hasFailed = true }
    }

    /// Writes the digest of all that was gathered, 32 bytes, and starts anew.
    public func finish(into output: UnsafeMutableRawPointer) {
        if EVP_DigestFinal_ex(gathering, output.assumingMemoryBound(to: UInt8.self), nil) != 1 { hasFailed = true }
        // A piece may have been lost before.
        if hasFailed { fail(output) }
        reset()
    }

    private func fail(_ output: UnsafeMutableRawPointer) {
        hasFailed = true
        output.initializeMemory(as: UInt8.self, repeating: 0, count: SHA256Context.byteCount)
    }
}

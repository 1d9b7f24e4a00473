import COpenSSL

/// A reusable SHA-256 (FIPS 180-4) computation.
///
/// It is not `Sendable`: make one for each event loop and keep it. Making one may fail; computing with it has no error to
/// handle. Should libcrypto fail later on all the same, the result is 32 zero bytes and `hasFailed` stays true, so that a
/// caller for whom a wrong digest matters can refuse instead of going on.
public final class SHA256Context {
    /// Bytes in a digest.
    public static let byteCount = 32

    private let context: OpaquePointer
    private let algorithm: SHA256Algorithm
    public private(set) var hasFailed = false

    public init() throws(DigestError) {
        algorithm = try SHA256Algorithm.fetched()
        guard let made = EVP_MD_CTX_new() else { throw .contextUnavailable }
        context = made
        guard EVP_DigestInit_ex2(context, algorithm.pointer, nil) == 1 else { throw .contextUnavailable }
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Writes the digest of `bytes` to `output`, which must have room for 32 bytes and may lie inside `bytes`.
    /// Whatever `update` has gathered before is dropped.
    public func digest(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) {
        reset()
        update(bytes)
        finish(into: output)
    }

    /// Starts anew.
    public func reset() {
        if EVP_DigestInit_ex2(context, algorithm.pointer, nil) != 1 { hasFailed = true }
    }

    /// Adds `bytes` to the message.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0, EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) != 1 { hasFailed = true }
    }

    /// Writes the digest of all that was added since the start, 32 bytes, and starts anew.
    public func finish(into output: UnsafeMutableRawPointer) {
        if EVP_DigestFinal_ex(context, output.assumingMemoryBound(to: UInt8.self), nil) != 1 { hasFailed = true }
        if hasFailed { output.initializeMemory(as: UInt8.self, repeating: 0, count: SHA256Context.byteCount) }
        reset()
    }
}

import COpenSSL

/// Comparison whose duration tells nothing about the contents; for digests of tokens and for signatures.
public enum ConstantTime {
    /// Whether two byte runs are equal. Their lengths are no secret: different lengths are unequal at once.
    public static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard left.count > 0 else { return true }
        return CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
    }

    public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { leftBytes in right.withUnsafeBytes { equal(leftBytes, $0) } }
    }
}

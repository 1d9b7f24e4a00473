/// SHA-256 of a whole message, for start-up, commands and tests; the hot path keeps a `SHA256Context`.
public enum SHA256 {
    /// Bytes in a digest.
    public static let byteCount = SHA256Context.byteCount

    /// The digest of `bytes`, 32 bytes.
    public static func hash(_ bytes: UnsafeRawBufferPointer) throws(DigestError) -> [UInt8] {
        let context = try SHA256Context()
        let digest = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let output = UnsafeMutableRawBufferPointer(buffer)
            if let start = output.baseAddress { context.digest(bytes, into: start) }
            count = byteCount
        }
        if context.hasFailed { throw .operationFailed }
        return digest
    }

    public static func hash(_ bytes: [UInt8]) throws(DigestError) -> [UInt8] {
        let result = bytes.withUnsafeBytes { span in Result { () throws(DigestError) in try hash(span) } }
        return try result.get()
    }
}

/// HMAC-SHA256 of a whole message, for start-up, commands and tests; the hot path keeps an `HMACContext`.
public enum HMACSHA256 {
    /// Bytes in a code.
    public static let byteCount = HMACContext.byteCount

    /// The code of `message` under `key`, 32 bytes.
    public static func authenticate(_ message: [UInt8], key: [UInt8]) throws(DigestError) -> [UInt8] {
        try authenticate(message, with: try HMACContext(key: key))
    }

    public static func authenticate(_ message: [UInt8], key: SecretBytes) throws(DigestError) -> [UInt8] {
        try authenticate(message, with: try HMACContext(key: key))
    }

    private static func authenticate(_ message: [UInt8], with context: HMACContext) throws(DigestError) -> [UInt8] {
        let code = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let output = UnsafeMutableRawBufferPointer(buffer)
            if let start = output.baseAddress { _ = message.withUnsafeBytes { context.authenticate($0, into: start) } }
            count = byteCount
        }
        if context.hasFailed { throw .operationFailed }
        return code
    }
}

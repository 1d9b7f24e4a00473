import COpenSSL

/// Why a key could not be read.
public enum KeyError: Error, Equatable, CustomStringConvertible {
    /// No PEM block of that kind, or an encrypted one.
    case unreadable
    /// A key, but of another algorithm.
    case notEd25519

    public var description: String {
        switch self {
        case .unreadable: "is no unencrypted key in PEM form"
        case .notEd25519: "is no Ed25519 key"
        }
    }
}

/// An Ed25519 private key (RFC 8032), as `openssl genpkey -algorithm ed25519` writes it. Not `Sendable`: one for each thread.
public final class Ed25519PrivateKey {
    /// Bytes in a signature.
    public static let signatureByteCount = 64

    private let key: OpaquePointer
    /// The 32 bytes of the public key.
    public let publicKey: [UInt8]

    /// - Parameter pem: a PKCS #8 key in PEM form (RFC 8410), not encrypted.
    public init(pem: [UInt8]) throws(KeyError) {
        let read = Ed25519.read(pem) { PEM_read_bio_PrivateKey($0, nil, Ed25519.refusePassword, nil) }
        guard let read else { throw .unreadable }
        guard let publicKey = Ed25519.publicBytes(read) else {
            EVP_PKEY_free(read)
            throw .notEd25519
        }
        key = read
        self.publicKey = publicKey
    }

    deinit { EVP_PKEY_free(key) }

    /// The 64 bytes of the signature of `message`; nil where libcrypto failed.
    public func sign(_ message: [UInt8]) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: Ed25519PrivateKey.signatureByteCount)
        var count = signature.count
        // Ed25519 hashes by itself, so no digest is named (EVP_SIGNATURE-ED25519(7)).
        guard EVP_DigestSignInit_ex(context, nil, nil, nil, nil, key, nil) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else { return nil }
        return signature
    }
}

/// An Ed25519 public key (RFC 8032), as `openssl pkey -pubout` writes it. Not `Sendable`: one for each thread.
public final class Ed25519PublicKey {
    private let key: OpaquePointer
    /// The 32 bytes of the key.
    public let bytes: [UInt8]

    /// - Parameter pem: a SubjectPublicKeyInfo in PEM form (RFC 8410).
    public init(pem: [UInt8]) throws(KeyError) {
        guard let read = Ed25519.read(pem, { PEM_read_bio_PUBKEY($0, nil, Ed25519.refusePassword, nil) }) else { throw .unreadable }
        guard let bytes = Ed25519.publicBytes(read) else {
            EVP_PKEY_free(read)
            throw .notEd25519
        }
        key = read
        self.bytes = bytes
    }

    deinit { EVP_PKEY_free(key) }

    /// Whether `signature` is the key holder's signature of `message`.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard signature.count == Ed25519PrivateKey.signatureByteCount, let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let isValid =
            EVP_DigestVerifyInit_ex(context, nil, nil, nil, nil, key, nil) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        // A signature that does not match leaves an entry in the thread's error queue.
        if !isValid { ERR_clear_error() }
        return isValid
    }
}

private enum Ed25519 {
    /// Without it libcrypto would ask for the password of an encrypted key on the terminal.
    static let refusePassword: @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = {
        _, _, _, _ in -1
    }

    static func read(_ pem: [UInt8], _ parse: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        pem.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            let key = parse(bio)
            if key == nil { ERR_clear_error() }
            return key
        }
    }

    /// Nil where the key is of another algorithm.
    static func publicBytes(_ key: OpaquePointer) -> [UInt8]? {
        guard EVP_PKEY_is_a(key, "ED25519") == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == bytes.count else { return nil }
        return bytes
    }
}

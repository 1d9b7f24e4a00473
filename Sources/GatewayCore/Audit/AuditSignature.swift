import Digests

/// What a checkpoint's signature covers, as text: everything before the checkpoint through `prev`, and when that was said.
///
/// `countersign audit checkpoint v1`, `seq` of the checkpoint, its `time` and its `prev`, each with a line feed behind it.
enum AuditSignedText {
    static func bytes(sequence: UInt64, time: String, previous: AuditHash) -> [UInt8] {
        Array("countersign audit checkpoint v1\n\(sequence)\n\(time)\n\(previous)\n".utf8)
    }

    /// Tells keys apart without telling anything of them: the first 16 digits of a digest.
    static func keyID(_ digest: [UInt8]) -> String { Hex.string(digest.prefix(8)) }
}

/// Signs checkpoints. Not `Sendable`: the writer's own.
public struct AuditSigner {
    private enum Key {
        case hmac(HMACContext)
        case ed25519(Ed25519PrivateKey)
    }

    private let key: Key
    let keyID: String
    let algorithm: AuditCheckpointAlgorithm

    /// Why a key is of no use, as half a sentence that follows its name.
    public struct BadKey: Error, Equatable, CustomStringConvertible {
        public var description: String
    }

    public init(_ algorithm: AuditCheckpointAlgorithm, key: SecretBytes) throws(BadKey) {
        self.algorithm = algorithm
        switch algorithm {
        case .hmacSHA256:
            let context = try AuditVerificationKey.hmac(key)
            self.key = .hmac(context)
            keyID = AuditVerificationKey.keyID(of: context)
        case .ed25519:
            // libcrypto keeps the key that it reads in the secure heap itself.
            var pem = key.withUnsafeBytes { Array($0) }
            defer { SecretMemory.cleanse(&pem) }
            do throws(KeyError) {
                let read = try Ed25519PrivateKey(pem: pem)
                self.key = .ed25519(read)
                keyID = try AuditVerificationKey.keyID(ofPublicKey: read.publicKey)
            } catch {
                throw BadKey(description: error.description)
            }
        }
    }

    /// Nil where libcrypto failed.
    func sign(_ text: [UInt8]) -> [UInt8]? {
        switch key {
        case .hmac(let context): AuditVerificationKey.code(of: text, with: context)
        case .ed25519(let key): key.sign(text)
        }
    }
}

/// Checks signatures of checkpoints.
public struct AuditVerificationKey {
    private enum Key {
        case hmac(HMACContext)
        case ed25519(Ed25519PublicKey)
    }

    private let key: Key
    public let keyID: String

    /// The HMAC key itself, at least 16 bytes.
    public init(hmacKey: SecretBytes) throws(AuditSigner.BadKey) {
        let context = try AuditVerificationKey.hmac(hmacKey)
        key = .hmac(context)
        keyID = AuditVerificationKey.keyID(of: context)
    }

    /// An Ed25519 public key in PEM form.
    public init(publicKeyPEM: [UInt8]) throws(AuditSigner.BadKey) {
        do throws(KeyError) {
            let read = try Ed25519PublicKey(pem: publicKeyPEM)
            key = .ed25519(read)
            keyID = try AuditVerificationKey.keyID(ofPublicKey: read.bytes)
        } catch {
            throw AuditSigner.BadKey(description: error.description)
        }
    }

    func isValid(_ signature: [UInt8], for text: [UInt8]) -> Bool {
        switch key {
        case .hmac(let context):
            guard let code = AuditVerificationKey.code(of: text, with: context) else { return false }
            return ConstantTime.equal(code, signature)
        case .ed25519(let key): return key.isValid(signature, for: text)
        }
    }

    static func hmac(_ key: SecretBytes) throws(AuditSigner.BadKey) -> HMACContext {
        // 128 bits, as for any other key of an HMAC here (NIST SP 800-107 section 5.3.2).
        guard key.count >= 16 else { throw AuditSigner.BadKey(description: "is shorter than 16 bytes") }
        do throws(DigestError) {
            return try HMACContext(key: key)
        } catch {
            throw AuditSigner.BadKey(description: error.description)
        }
    }

    static func code(of text: [UInt8], with context: HMACContext) -> [UInt8]? {
        var code = [UInt8](repeating: 0, count: HMACContext.byteCount)
        let isDone = text.withUnsafeBytes { bytes in
            code.withUnsafeMutableBytes { output in output.baseAddress.map { context.authenticate(bytes, into: $0) } ?? false }
        }
        return isDone ? code : nil
    }

    static func keyID(of context: HMACContext) -> String {
        AuditSignedText.keyID(code(of: Array("countersign audit key id".utf8), with: context) ?? [])
    }

    static func keyID(ofPublicKey key: [UInt8]) throws(KeyError) -> String {
        guard let context = try? SHA256Context() else { throw .unreadable }
        var digest = [UInt8](repeating: 0, count: 32)
        key.withUnsafeBytes { bytes in
            digest.withUnsafeMutableBytes { output in
                if let base = output.baseAddress { context.digest(bytes, into: base) }
            }
        }
        return AuditSignedText.keyID(digest)
    }
}

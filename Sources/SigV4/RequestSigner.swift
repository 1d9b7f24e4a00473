import Digests

/// Signs request after request for one upstream without allocating: the hot path of a proxy.
///
/// What stays the same from request to request is prepared once: the signing key for a day, everything that holds the time for a
/// second, the rest for as long as the credentials are the same object. What remains is one SHA-256, one HMAC and copying.
/// Not `Sendable`: one for each event loop and upstream. `Signer` computes the same signature stage by stage.
public final class RequestSigner {
    public let service: String
    public let region: String
    private let doubleEncodesPath: Bool

    private let hash: SHA256Context
    private let authenticator: HMACContext
    /// Where the canonical request is written; grows to the longest one seen.
    private var canonical = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    /// 32 bytes of digest, then its 64 hex digits.
    private let digest = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 + 64, alignment: 16)

    private var credentials: Credentials?
    private var epochSeconds = Int64.min
    private var dayNumber = Int64.min
    /// The string to sign, its last 64 bytes to be overwritten by each request's hash. No array, because writing into a class's
    /// array is checked for exclusive access each time.
    private var stringToSign = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 16)
    private var plainText = PreparedText()
    private var typedText = PreparedText()

    /// `doubleEncodesPath` is false for S3 alone.
    public init(service: String, region: String, doubleEncodesPath: Bool = true) throws(DigestError) {
        self.service = service
        self.region = region
        self.doubleEncodesPath = doubleEncodesPath
        hash = try SHA256Context()
        authenticator = try HMACContext(key: [])
    }

    deinit {
        canonical.deallocate()
        digest.deallocate()
        stringToSign.deallocate()
    }

    /// Appends the lines `X-Amz-Date`, `X-Amz-Security-Token` (with a session token only) and `Authorization`, each with its CRLF.
    ///
    /// Signed are `host`, `x-amz-date`, the session token and, where given, `content-type`. All bytes must be those on the wire:
    /// - wirePath: normalised (no dot or empty segments) and percent-encoded once; empty counts as `/`.
    /// - canonicalQuery: as `CanonicalQuery.canonicalize` gives it, without `?`; may be empty.
    /// - payloadHash: 64 lower-case hex digits, or a word such as `UNSIGNED-PAYLOAD`.
    /// - epochSeconds: seconds since 1970; bounds as in `SigningTime`.
    ///
    /// Throws only when libcrypto fails; then nothing is appended.
    public func authorize(
        method: UnsafeRawBufferPointer, wirePath: UnsafeRawBufferPointer, canonicalQuery: UnsafeRawBufferPointer,
        host: UnsafeRawBufferPointer, contentType: UnsafeRawBufferPointer?, payloadHash: UnsafeRawBufferPointer,
        credentials: Credentials, epochSeconds: Int64, appendingFieldLinesTo output: inout [UInt8]
    ) throws(DigestError) {
        if epochSeconds != self.epochSeconds || credentials !== self.credentials {
            try prepare(credentials: credentials, time: SigningTime(epochSeconds: epochSeconds))
            self.credentials = credentials
            self.epochSeconds = epochSeconds
        }
        let isTyped = contentType != nil
        let length = writeCanonicalRequest(
            method: method, wirePath: wirePath, canonicalQuery: canonicalQuery, host: host, contentType: contentType,
            payloadHash: payloadHash,
            end: isTyped ? typedText.canonicalEnd : plainText.canonicalEnd)
        guard let binary = digest.baseAddress, let start = stringToSign.baseAddress else { throw .operationFailed }
        let end = start + stringToSign.count
        let binaryBytes = UnsafeRawBufferPointer(start: binary, count: SHA256.byteCount)
        let hex = binary + SHA256.byteCount

        let isHashed = hash.digest(UnsafeRawBufferPointer(rebasing: canonical[..<length]), into: binary)
        Hex.encode(binaryBytes, into: end - 2 * SHA256.byteCount)
        let isSigned = authenticator.authenticate(UnsafeRawBufferPointer(stringToSign), into: binary)
        guard isHashed, isSigned else { throw .operationFailed }
        Hex.encode(binaryBytes, into: hex)

        output.append(contentsOf: isTyped ? typedText.fieldLines : plainText.fieldLines)
        output.append(contentsOf: UnsafeRawBufferPointer(start: hex, count: 2 &* SHA256.byteCount))
        output.append(0x0D)
        output.append(0x0A)
    }

    /// Writes the whole canonical request and returns its length.
    private func writeCanonicalRequest(
        method: UnsafeRawBufferPointer, wirePath: UnsafeRawBufferPointer, canonicalQuery: UnsafeRawBufferPointer,
        host: UnsafeRawBufferPointer, contentType: UnsafeRawBufferPointer?, payloadHash: UnsafeRawBufferPointer, end: [UInt8]
    ) -> Int {
        // 64 covers the separators and the two names.
        let bound =
            64 + method.count + PercentEncoding.capacity(for: wirePath.count) + canonicalQuery.count + host.count
            + (contentType?.count ?? 0)
            + end.count + payloadHash.count
        if bound > canonical.count {
            canonical.deallocate()
            canonical = .allocate(byteCount: 2 * bound, alignment: 16)
        }
        guard let start = canonical.baseAddress else { return 0 }
        var writer = ByteWriter(start.assumingMemoryBound(to: UInt8.self))
        writer.copy(method)
        writer.put(0x0A)
        if wirePath.isEmpty {
            writer.put(0x2F)
        } else if doubleEncodesPath {
            writer.advance(by: PercentEncoding.encode(wirePath, keepsSlash: true, into: writer.position))
        } else {
            writer.copy(wirePath)
        }
        writer.put(0x0A)
        writer.copy(canonicalQuery)
        writer.put(0x0A)
        if let contentType {
            writer.copy("content-type:")
            writer.advance(by: CanonicalValue.write(contentType, into: writer.position))
            writer.put(0x0A)
        }
        writer.copy("host:")
        writer.advance(by: CanonicalValue.write(host, into: writer.position))
        end.withUnsafeBytes { writer.copy($0) }
        writer.copy(payloadHash)
        return writer.position - start.assumingMemoryBound(to: UInt8.self)
    }

    /// At most once a second while the credentials stay.
    private func prepare(credentials: Credentials, time: SigningTime) throws(DigestError) {
        let scope = CredentialScope(time: time, region: region, service: service)
        if time.dayNumber != dayNumber || credentials !== self.credentials {
            // From here on the old key is gone; should the new one fail, the next request must try again, whatever it asks for.
            self.credentials = nil
            let key = try SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
            guard key.bytes.withUnsafeBytes({ authenticator.setKey($0) }) else { throw .operationFailed }
            dayNumber = time.dayNumber
        }
        let text =
            Array("\(StringToSign.algorithm)\n\(time.text)\n\(scope.text)\n".utf8) + [UInt8](repeating: 0x30, count: 2 * SHA256.byteCount)
        if stringToSign.count != text.count {
            stringToSign.deallocate()
            stringToSign = .allocate(byteCount: text.count, alignment: 16)
        }
        stringToSign.copyBytes(from: text)
        plainText = PreparedText(credentials: credentials, time: time, scope: scope, firstNames: "host")
        typedText = PreparedText(credentials: credentials, time: time, scope: scope, firstNames: "content-type;host")
    }
}

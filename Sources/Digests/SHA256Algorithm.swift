import COpenSSL

/// libcrypto's SHA-256, fetched once per process: fetching by name on each call costs more than the digest itself.
///
/// `@unchecked Sendable` is sound: a fetched `EVP_MD` is immutable and reference-counted, may be used by any number of threads
/// at once (OpenSSL `crypto(7)`, "Algorithm fetching"), and this one is never freed.
struct SHA256Algorithm: @unchecked Sendable {
    let pointer: OpaquePointer

    private init?() {
        guard let fetched = EVP_MD_fetch(nil, "SHA256", nil) else { return nil }
        pointer = fetched
    }

    private static let shared = SHA256Algorithm()

    static func fetched() throws(DigestError) -> SHA256Algorithm {
        guard let shared else { throw .algorithmUnavailable }
        return shared
    }
}

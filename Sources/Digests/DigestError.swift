/// Why a digest context could not be made.
public enum DigestError: Error, Equatable, CustomStringConvertible {
    /// libcrypto has no SHA-256: no provider is loaded, or its configuration file forbids the algorithm.
    case algorithmUnavailable
    /// libcrypto could not allocate or initialise a context.
    case contextUnavailable
    /// A context that once worked reported a failure; its results were zeroes from then on.
    case operationFailed

    public var description: String {
        switch self {
        case .algorithmUnavailable: "libcrypto offers no SHA-256 (check OPENSSL_CONF and the installed providers)"
        case .contextUnavailable: "libcrypto could not prepare a digest context (out of memory?)"
        case .operationFailed: "libcrypto failed in the middle of a digest"
        }
    }
}

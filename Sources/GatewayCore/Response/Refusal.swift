/// Why the gateway itself answers instead of the upstream. It knows no status code: `ErrorShape` maps it, in one place.
public struct Refusal: Error, Sendable, Equatable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        case badRequest
        case unauthorized
        case forbidden
        case notFound
        case slowRequest
        case contentTooLarge
        case targetTooLong
        case expectationFailed
        case throttled
        case fieldsTooLarge
        case fault
        case notImplemented
        case unavailable
        case upstreamSilent
        case versionNotSupported
    }

    public var kind: Kind
    /// `stage/what`, lower case; the value of `countersign-reason` and of the audit record. A stable name that users may match.
    public var reason: String
    /// One sentence that names the mistake and its mend. Never holds bytes that the caller sent.
    public var message: String
    /// Whether the connection cannot be used after the answer, because where the next request starts is not known.
    public var closesConnection: Bool

    public init(_ kind: Kind, _ reason: String, _ message: String, closesConnection: Bool = false) {
        self.kind = kind
        self.reason = reason
        self.message = message
        self.closesConnection = closesConnection
    }
}

/// What a stage of the line says: go on with this, or refuse.
public enum Decision<Granted> {
    case granted(Granted)
    case refused(Refusal)
}

extension Decision: Sendable where Granted: Sendable {}

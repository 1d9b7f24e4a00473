/// The field names that some stage of the gateway acts upon. Every other name is `.other` and only ever copied.
///
/// A codec classifies each field line once, while it parses; later stages compare one byte.
public enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case accept
    case authorization
    case connection
    case contentLength
    case contentType
    case countersignToken
    case date
    case expect
    case host
    case keepAlive
    case proxyAuthenticate
    case proxyAuthorization
    case proxyConnection
    case retryAfter
    case server
    case te
    case trailer
    case transferEncoding
    case upgrade
    case amznErrorType
    case amznRequestID
    /// Any `x-amz-…` field: credentials and signing material of the caller, never forwarded.
    case amazon
    /// Any other `countersign-…` field, ours to set and nobody else's.
    case countersign

    /// Classifies a field name as sent, in any case (RFC 9110 section 5.1: names are case-insensitive).
    public init(_ name: UnsafeRawBufferPointer) {
        self = FieldName.classify(name)
    }

    /// Hop-by-hop by RFC 9110 section 7.6.1, plus the historical names that every proxy removes.
    public var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade:
            true
        default:
            false
        }
    }

    private static func classify(_ name: UnsafeRawBufferPointer) -> FieldName {
        guard let first = name.first else { return .other }
        // Length and first letter leave at most two names to compare with.
        switch (name.count, ASCII.lowercased(first)) {
        case (2, UInt8(ascii: "t")): if equal(name, "te") { return .te }
        case (4, UInt8(ascii: "h")): if equal(name, "host") { return .host }
        case (4, UInt8(ascii: "d")): if equal(name, "date") { return .date }
        case (6, UInt8(ascii: "a")): if equal(name, "accept") { return .accept }
        case (6, UInt8(ascii: "e")): if equal(name, "expect") { return .expect }
        case (6, UInt8(ascii: "s")): if equal(name, "server") { return .server }
        case (7, UInt8(ascii: "u")): if equal(name, "upgrade") { return .upgrade }
        case (7, UInt8(ascii: "t")): if equal(name, "trailer") { return .trailer }
        case (10, UInt8(ascii: "c")): if equal(name, "connection") { return .connection }
        case (10, UInt8(ascii: "k")): if equal(name, "keep-alive") { return .keepAlive }
        case (11, UInt8(ascii: "r")): if equal(name, "retry-after") { return .retryAfter }
        case (12, UInt8(ascii: "c")): if equal(name, "content-type") { return .contentType }
        case (13, UInt8(ascii: "a")): if equal(name, "authorization") { return .authorization }
        case (14, UInt8(ascii: "c")): if equal(name, "content-length") { return .contentLength }
        case (16, UInt8(ascii: "p")): if equal(name, "proxy-connection") { return .proxyConnection }
        case (17, UInt8(ascii: "t")): if equal(name, "transfer-encoding") { return .transferEncoding }
        case (18, UInt8(ascii: "p")): if equal(name, "proxy-authenticate") { return .proxyAuthenticate }
        case (19, UInt8(ascii: "p")): if equal(name, "proxy-authorization") { return .proxyAuthorization }
        case (16, UInt8(ascii: "x")):
            if equal(name, "x-amzn-requestid") { return .amznRequestID }
            if equal(name, "x-amzn-errortype") { return .amznErrorType }
            return prefixed(name)
        case (19, UInt8(ascii: "x")): return equal(name, "x-countersign-token") ? .countersignToken : prefixed(name)
        case (_, UInt8(ascii: "x")), (_, UInt8(ascii: "c")): return prefixed(name)
        default: break
        }
        // A name that begins with "c" and has the length of a known one may still be one of ours.
        return ASCII.lowercased(first) == UInt8(ascii: "c") ? prefixed(name) : .other
    }

    private static func prefixed(_ name: UnsafeRawBufferPointer) -> FieldName {
        if name.count >= 6, equal(UnsafeRawBufferPointer(rebasing: name[..<6]), "x-amz-") { return .amazon }
        if name.count >= 12, equal(UnsafeRawBufferPointer(rebasing: name[..<12]), "countersign-") { return .countersign }
        return .other
    }

    @inline(__always)
    private static func equal(_ name: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        ASCII.equalsIgnoringCase(name, lowercase)
    }
}

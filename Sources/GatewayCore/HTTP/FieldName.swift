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
        // The length decides nearly everything, so at most two comparisons are made.
        switch name.count {
        case 2: if equal(name, "te") { return .te }
        case 4:
            if equal(name, "host") { return .host }
            if equal(name, "date") { return .date }
        case 6:
            if equal(name, "accept") { return .accept }
            if equal(name, "expect") { return .expect }
            if equal(name, "server") { return .server }
        case 7:
            if equal(name, "upgrade") { return .upgrade }
            if equal(name, "trailer") { return .trailer }
        case 10:
            if equal(name, "connection") { return .connection }
            if equal(name, "keep-alive") { return .keepAlive }
        case 11: if equal(name, "retry-after") { return .retryAfter }
        case 12: if equal(name, "content-type") { return .contentType }
        case 13: if equal(name, "authorization") { return .authorization }
        case 14: if equal(name, "content-length") { return .contentLength }
        case 16:
            if equal(name, "x-amzn-requestid") { return .amznRequestID }
            if equal(name, "x-amzn-errortype") { return .amznErrorType }
            if equal(name, "proxy-connection") { return .proxyConnection }
        case 17: if equal(name, "transfer-encoding") { return .transferEncoding }
        case 18: if equal(name, "proxy-authenticate") { return .proxyAuthenticate }
        case 19:
            if equal(name, "x-countersign-token") { return .countersignToken }
            if equal(name, "proxy-authorization") { return .proxyAuthorization }
        default: break
        }
        if name.count > 6, equal(UnsafeRawBufferPointer(rebasing: name[..<6]), "x-amz-") { return .amazon }
        if name.count > 12, equal(UnsafeRawBufferPointer(rebasing: name[..<12]), "countersign-") { return .countersign }
        return .other
    }

    private static func equal(_ name: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        ASCII.equalsIgnoringCase(name, lowercase)
    }
}

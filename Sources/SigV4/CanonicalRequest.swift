/// A request before it is signed, as it will stand on the wire.
public struct UnsignedRequest: Sendable, Hashable {
    public var method: String
    /// The path as sent, percent-encoded once: `/phone-numbers/%2B12065550100`.
    public var path: [UInt8]
    /// The query as sent, without `?`; empty where there is none.
    public var query: [UInt8]
    /// All field lines in their order, `Host` among them.
    public var fields: [HeaderField]
    public var payload: PayloadHash

    public init(method: String, path: [UInt8], query: [UInt8] = [], fields: [HeaderField], payload: PayloadHash = .empty) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.payload = payload
    }
}

/// Stage one of a signature (AWS "Create a signed AWS API request", step 1): method, path, query, fields, their names, payload hash.
public struct CanonicalRequest: Sendable, Hashable, CustomStringConvertible {
    public let bytes: [UInt8]
    /// Lower-case names, sorted, separated by semicolons: `host;x-amz-date`.
    public let signedHeaders: String

    /// Signs all fields of `request` but `HeaderField.unsignedNames`. Values of a repeated name are joined by commas in their order.
    public init(_ request: UnsignedRequest, options: SigningOptions) {
        var values: [String: [UInt8]] = [:]
        for field in request.fields {
            let name = field.canonicalName
            if HeaderField.unsignedNames.contains(name) { continue }
            let value = CanonicalValue.canonicalize(field.value)
            if let earlier = values[name] {
                values[name] = earlier + [0x2C] + value
            } else {
                values[name] = value
            }
        }
        // Swift orders strings by scalar values, which for names in ASCII is the order of their bytes.
        let names = values.keys.sorted()
        signedHeaders = names.joined(separator: ";")

        var bytes = Array(request.method.utf8)
        bytes.append(0x0A)
        bytes += CanonicalPath.canonicalize(request.path, options: options)
        bytes.append(0x0A)
        bytes += CanonicalQuery.canonicalize(request.query)
        bytes.append(0x0A)
        for name in names {
            bytes += name.utf8
            bytes.append(0x3A)
            bytes += values[name] ?? []
            bytes.append(0x0A)
        }
        bytes.append(0x0A)
        bytes += signedHeaders.utf8
        bytes.append(0x0A)
        bytes += request.payload.text.utf8
        self.bytes = bytes
    }

    /// The canonical request as text, with U+FFFD where it is no UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
    public var description: String { text }
}

/// A raw HTTP/1.1 request, as someone captured or wrote it, read leniently: lines may end with LF alone, and folded field values
/// (RFC 9112 section 5.2) are unfolded, because what is wanted is to see how a request signs, not to judge it.
public struct SigningRequestText: Sendable, Hashable {
    public let method: String
    /// Up to `?`, as written.
    public let path: [UInt8]
    public let query: [UInt8]
    /// In their order, values without surrounding blanks.
    public let fields: [HeaderField]
    /// What follows the first empty line, byte for byte; where a `Content-Length` says so, without what an editor has put behind it.
    public let body: [UInt8]

    public init(_ bytes: [UInt8]) throws(SigningInputError) {
        var rest = bytes[...]
        guard let requestLine = SigningRequestText.takeLine(&rest), !requestLine.isEmpty else {
            throw SigningInputError("The request is empty: its first line must be like \"DELETE /phone-numbers/%2B12065550100 HTTP/1.1\".")
        }
        // A target may hold raw spaces, so it is all that stands between the first space and the last.
        guard let first = requestLine.firstIndex(of: 0x20), let last = requestLine.lastIndex(of: 0x20), first < last,
            first > requestLine.startIndex,
            requestLine[(last + 1)...].starts(with: Array("HTTP/".utf8))
        else {
            throw SigningInputError("The first line must be METHOD, target and version: \"DELETE /phone-numbers/%2B12065550100 HTTP/1.1\".")
        }
        method = String(decoding: requestLine[..<first], as: UTF8.self)
        let target = Array(requestLine[(first + 1)..<last])

        var fields: [HeaderField] = []
        var lineNumber = 1
        while let line = SigningRequestText.takeLine(&rest), !line.isEmpty {
            lineNumber += 1
            if line.first == 0x20 || line.first == 0x09, let folded = fields.indices.last {
                fields[folded].value += [0x20] + line
                continue
            }
            guard let colon = line.firstIndex(of: 0x3A) else {
                throw SigningInputError("Line \(lineNumber) has no colon: write \"Name: value\", and an empty line before a body.")
            }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            guard HeaderField.isName(name) else {
                throw SigningInputError(
                    "The field name in line \(lineNumber) is not one: use letters, digits and -, with no space before the colon.")
            }
            fields.append(HeaderField(name, CanonicalValue.trim(Array(line[(colon + 1)...]))))
        }
        body = try SigningRequestText.body(in: rest, fields: fields)

        if target.first == 0x2F {
            path = Array(target.prefix { $0 != 0x3F })
            query = Array(target.dropFirst(path.count + 1))
        } else {
            let url: RequestURL
            do {
                url = try RequestURL(String(decoding: target, as: UTF8.self))
            } catch {
                throw SigningInputError("The target in the first line must be a path that starts with / or a whole URL.")
            }
            path = url.path
            query = url.query
            if !fields.contains(where: { $0.canonicalName == "host" }) { fields.insert(HeaderField("Host", url.host), at: 0) }
        }
        self.fields = fields
    }

    private static func body(in rest: ArraySlice<UInt8>, fields: [HeaderField]) throws(SigningInputError) -> [UInt8] {
        guard let field = fields.first(where: { $0.canonicalName == "content-length" }) else { return Array(rest) }
        guard let length = Int(field.valueText), length >= 0 else {
            throw SigningInputError("Content-Length must be a number of bytes.")
        }
        guard length <= rest.count else {
            throw SigningInputError(
                "The body has \(rest.count) bytes, but Content-Length says \(length): make them agree, or leave Content-Length out.")
        }
        return Array(rest.prefix(length))
    }

    /// The bytes up to the next line end, without it; nil at the end of the text.
    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        if rest.isEmpty { return nil }
        var line = rest.prefix { $0 != 0x0A }
        rest = rest[line.endIndex...].dropFirst()
        if line.last == 0x0D { line.removeLast() }
        return line
    }
}

extension HeaderField {
    /// Reads `Name: value`, as one gives a field on a command line.
    public init(line: String) throws(SigningInputError) {
        guard let colon = line.utf8.firstIndex(of: 0x3A) else {
            throw SigningInputError("A header must be written 'Name: value', with a colon after the name.")
        }
        let name = String(line[..<colon])
        guard HeaderField.isName(name) else {
            throw SigningInputError("A header's name holds letters, digits and - only, with no space before the colon.")
        }
        self.init(name, CanonicalValue.trim(Array(line.utf8[line.utf8.index(after: colon)...])))
    }

    /// Whether `name` is a token (RFC 9110 section 5.6.2).
    static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}

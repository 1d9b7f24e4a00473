/// A strict JSON reader (RFC 8259). It keeps what a configuration needs and general decoders lose: the place of every value,
/// duplicate keys, the order of keys, and integers apart from booleans and fractions.
struct JSONParser {
    /// Nesting that no configuration needs, and that a stack bears.
    static let maximumDepth = 32

    private let bytes: [UInt8]
    private var offset = 0
    private var depth = 0

    static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONNode {
        var parser = JSONParser(bytes: bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.offset = 3 }
        parser.skipSpace()
        let node = try parser.value()
        parser.skipSpace()
        guard parser.offset == bytes.count else {
            throw parser.error("there is more after the end of the configuration", "remove it, or the closing brace before it")
        }
        return node
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private func error(_ problem: String, _ remedy: String, at place: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(offset: place ?? offset, problem: problem, remedy: remedy)
    }

    /// Nothing but blanks has come yet.
    private var isAtStart: Bool { bytes[..<offset].allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 } }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONNode {
        let start = offset
        switch next {
        case UInt8(ascii: "{"):
            return JSONNode(value: .object(try nested { parser throws(JSONSyntaxError) in try parser.members() }), offset: start)
        case UInt8(ascii: "["):
            return JSONNode(value: .array(try nested { parser throws(JSONSyntaxError) in try parser.elements() }), offset: start)
        case UInt8(ascii: "\""): return JSONNode(value: .string(try string()), offset: start)
        case UInt8(ascii: "-"), .some(0x30...0x39): return JSONNode(value: try number(), offset: start)
        case UInt8(ascii: "t"): return JSONNode(value: try word("true", .boolean(true)), offset: start)
        case UInt8(ascii: "f"): return JSONNode(value: try word("false", .boolean(false)), offset: start)
        case UInt8(ascii: "n"): return JSONNode(value: try word("null", .null), offset: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func nested<T>(_ body: (inout JSONParser) throws(JSONSyntaxError) -> T) throws(JSONSyntaxError) -> T {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw error("this is nested too deeply", "use at most \(Self.maximumDepth) levels") }
        offset += 1
        skipSpace()
        return try body(&self)
    }

    private mutating func members() throws(JSONSyntaxError) -> [JSONMember] {
        var members: [JSONMember] = []
        if take(UInt8(ascii: "}")) { return members }
        while true {
            let keyOffset = offset
            guard next == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw unexpected("a colon after the key") }
            skipSpace()
            members.append(JSONMember(key: key, keyOffset: keyOffset, node: try value()))
            if try ends(with: UInt8(ascii: "}"), "the object") { return members }
        }
    }

    private mutating func elements() throws(JSONSyntaxError) -> [JSONNode] {
        var elements: [JSONNode] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value())
            if try ends(with: UInt8(ascii: "]"), "the array") { return elements }
        }
    }

    /// After a member or element: true at the closing bracket, false after a comma.
    private mutating func ends(with close: UInt8, _ what: String) throws(JSONSyntaxError) -> Bool {
        skipSpace()
        if take(close) { return true }
        let comma = offset
        guard take(UInt8(ascii: ",")) else { throw unexpected("a comma or the end of \(what)") }
        skipSpace()
        guard next != close else { throw error("a comma stands before the end of \(what)", "remove the comma", at: comma) }
        return false
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        guard bytes[offset...].starts(with: word.utf8) else { throw unexpected("a value") }
        offset += word.utf8.count
        return value
    }

    private func unexpected(_ wanted: String) -> JSONSyntaxError {
        switch next {
        case nil where isAtStart: error("the file is empty", "begin with a copy of config.example.json")
        case nil: error("the file ends where \(wanted) should stand", "close every string, bracket and brace")
        case UInt8(ascii: "/"), UInt8(ascii: "#"): error("JSON has no comments", "remove the comment")
        case UInt8(ascii: "'"): error("a single quote is no quotation mark in JSON", "use double quotes")
        case _ where isAtStart: error("this is not JSON", "begin with a brace, as config.example.json does")
        default: error("\(wanted) should stand here", "write \(wanted)")
        }
    }
}

extension JSONParser {
    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = offset
        func digits(_ parser: inout JSONParser) throws(JSONSyntaxError) {
            let first = parser.offset
            while let byte = parser.next, (0x30...0x39).contains(byte) { parser.offset += 1 }
            guard parser.offset > first else { throw parser.error("this number is not complete", "write its digits", at: start) }
        }
        _ = take(UInt8(ascii: "-"))
        let first = offset
        try digits(&self)
        guard bytes[first] != 0x30 || offset == first + 1 else {
            throw error("a number may not start with 0", "remove the leading zeros, or put the value in quotes", at: start)
        }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits(&self)
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            try digits(&self)
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard isInteger, let integer = Int(text) else { return .number(text) }
        return .integer(integer)
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = offset
        offset += 1
        var content: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw error("this string is not UTF-8", "save the file as UTF-8", at: start)
                }
                return text
            case UInt8(ascii: "\\"):
                content += try escape()
            case 0..<0x20:
                throw error("a string may not go over the end of a line", "close it, or write \\n for a line break", at: start)
            default:
                content.append(byte)
                offset += 1
            }
        }
        throw error("this string is not closed", "write the closing quotation mark", at: start)
    }

    private mutating func escape() throws(JSONSyntaxError) -> [UInt8] {
        let start = offset
        offset += 1
        guard let letter = next else { throw error("this string is not closed", "write the closing quotation mark", at: start) }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var units = [try hexUnit(start)]
            if units[0] & 0xFC00 == 0xD800, next == UInt8(ascii: "\\"), offset + 1 < bytes.count, bytes[offset + 1] == UInt8(ascii: "u") {
                offset += 2
                units.append(try hexUnit(start))
            }
            guard let text = String(validating: units, as: UTF16.self) else {
                throw error("this escape is half of a surrogate pair", "write both halves, or the character itself", at: start)
            }
            return Array(text.utf8)
        default: throw error("this is no escape of JSON", "write \\\\ for a backslash", at: start)
        }
    }

    private mutating func hexUnit(_ start: Int) throws(JSONSyntaxError) -> UInt16 {
        guard offset + 4 <= bytes.count, let text = String(validating: bytes[offset..<offset + 4], as: UTF8.self), text.first != "+",
            text.first != "-", let unit = UInt16(text, radix: 16)
        else { throw error("\\u needs four hexadecimal digits", "write for example \\u002B", at: start) }
        offset += 4
        return unit
    }
}

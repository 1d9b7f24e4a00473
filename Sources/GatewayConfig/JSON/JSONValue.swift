/// A JSON value with its place in the text, so that a mistake can be shown where it stands.
struct JSONNode: Sendable, Equatable {
    var value: JSONValue
    /// Of its first byte.
    var offset: Int
}

enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number without fraction and exponent that fits.
    case integer(Int)
    /// Any other number, as it is written.
    case number(String)
    case string(String)
    case array([JSONNode])
    /// In the order of the text, duplicates included.
    case object([JSONMember])

    /// With its article, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

struct JSONMember: Sendable, Equatable {
    var key: String
    /// Of the key's first quotation mark.
    var keyOffset: Int
    var node: JSONNode
}

/// Where and why a text is not JSON.
struct JSONSyntaxError: Error, Equatable {
    var offset: Int
    var problem: String
    var remedy: String
}

/// The lines of a text, to turn offsets into places.
struct SourceText {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Line and column of a byte, both from 1; a column is one Unicode scalar.
    func place(of offset: Int) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return (line, column)
    }
}

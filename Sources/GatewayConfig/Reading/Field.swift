/// One value of the configuration in its place. The reading functions return nil after they have reported a mistake,
/// so that the walk goes on and finds the others.
struct Field {
    let node: JSONNode
    /// `routes[0].method`
    let path: String
    let context: ReadingContext

    func fail(_ problem: String, _ remedy: String) {
        context.report(path, at: node.offset, problem, remedy)
    }

    private func wrongKind(_ wanted: String, _ remedy: String) {
        if case .null = node.value {
            fail("null is not \(wanted)", "leave the key out, or \(remedy)")
        } else {
            fail("this is \(node.value.kind), not \(wanted)", remedy)
        }
    }

    func boolean() -> Bool? {
        if case .boolean(let value) = node.value { return value }
        wrongKind("a boolean", "write true or false, without quotes")
        return nil
    }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        let remedy = "write a whole number from \(range.lowerBound) to \(range.upperBound)"
        switch node.value {
        case .integer(let value) where range.contains(value): return value
        case .integer(let value): fail("\(value) is out of range", remedy)
        case .number(let text): fail("\(text.prefix(40)) is not a whole number in range", remedy)
        case .string: wrongKind("a number", remedy + ", without quotes")
        default: wrongKind("a number", remedy)
        }
        return nil
    }

    /// The elements of an array; an empty one is a mistake.
    func elements(_ remedy: String) -> [Field]? {
        guard case .array(let nodes) = node.value else {
            wrongKind("an array", remedy)
            return nil
        }
        guard !nodes.isEmpty else {
            fail("this array is empty", remedy)
            return nil
        }
        return nodes.enumerated().map { Field(node: $1, path: "\(path)[\($0)]", context: context) }
    }

    func object<Key: ConfigurationKey>(_: Key.Type) -> ObjectReader<Key>? {
        guard let members = members("write an object with \(Key.names.map { "\"\($0)\"" }.joined(separator: ", "))") else { return nil }
        for (member, field) in members where Key(rawValue: member.key) == nil {
            let known = Key.names
            let remedy =
                Suggestion.nearest(to: member.key, among: known).map { "did you mean \"\($0)\"?" }
                ?? (known.count == 1 ? "only \"\(known[0])\" may stand here" : "remove it; known here are \(known.joined(separator: ", "))")
            context.report(field.path, at: member.keyOffset, "unknown key", remedy)
        }
        return ObjectReader(field: self, fields: Dictionary(members.map { ($0.key, $1) }) { first, _ in first })
    }

    /// The members of an object whose keys are names that the operator chooses. Their form is checked; what has a bad name is
    /// read all the same.
    func namedFields(_ remedy: String) -> [(name: String, field: Field)]? {
        guard let members = members(remedy) else { return nil }
        guard !members.isEmpty else {
            fail("this object is empty", remedy)
            return nil
        }
        for (member, field) in members {
            if let problem = NameRule.problem(member.key) {
                context.report(field.path, at: member.keyOffset, problem.problem, problem.remedy)
            }
        }
        var seen: Set<String> = []
        return members.filter { seen.insert($0.0.key).inserted }.map { ($0.0.key, $0.1) }
    }

    /// The members in order, duplicates reported.
    private func members(_ remedy: String) -> [(JSONMember, Field)]? {
        guard case .object(let members) = node.value else {
            wrongKind("an object", remedy)
            return nil
        }
        var seen: Set<String> = []
        return members.map { member in
            let field = child(member.key, member.node)
            if !seen.insert(member.key).inserted {
                context.report(field.path, at: member.keyOffset, "this key stands twice in one object", "remove one of the two")
            }
            return (member, field)
        }
    }

    private func child(_ key: String, _ node: JSONNode) -> Field {
        Field(node: node, path: Self.join(path, key), context: context)
    }

    /// `a.b`, and `a["b.c"]` where a dot would mislead.
    static func join(_ path: String, _ key: String) -> String {
        let isPlain = !key.isEmpty && key.utf8.allSatisfy { NameRule.isNameByte($0) && $0 != UInt8(ascii: ".") || $0 == UInt8(ascii: "$") }
        guard isPlain else { return path + "[\(Shown.quoted(key))]" }
        return path.isEmpty ? key : "\(path).\(key)"
    }
}

/// An object whose keys are known.
struct ObjectReader<Key: ConfigurationKey> {
    let field: Field
    fileprivate let fields: [String: Field]

    /// nil when the key is absent.
    subscript(key: Key) -> Field? { fields[key.rawValue] }

    /// `example` is the value to write.
    func required(_ key: Key, example: String) -> Field? {
        if let field = fields[key.rawValue] { return field }
        field.context.report(
            Field.join(field.path, key.rawValue), at: field.node.offset, "this key is missing",
            "write for example \"\(key.rawValue)\": \(example)")
        return nil
    }
}

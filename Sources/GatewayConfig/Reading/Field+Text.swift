/// A string value after `${NAME}` and `{"file": ...}`.
struct TextValue {
    enum Origin {
        case literal
        case environment(String)
        case file(path: String, FileContent)
    }

    var bytes: [UInt8]
    var text: String
    var origin: Origin

    /// For messages: a literal in quotes; of anything else only where it came from, since it may be secret.
    var shown: String {
        switch origin {
        case .literal: Shown.quoted(text)
        case .environment(let name): "the value of ${\(name)}"
        case .file(let path, _): "the content of \(path)"
        }
    }

    /// The same without the literal, for keys whose values may be secret or name a phone number.
    var hidden: String {
        if case .literal = origin { "this value" } else { shown }
    }
}

enum Shown {
    /// In quotes, cut to 80 characters, controls as `?`: what may stand in a message.
    static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : Character($0) }
        return "\"" + String(scalars.prefix(80)) + (scalars.count > 80 ? "..." : "") + "\""
    }

    /// `"a", "b" or "c"`
    static func choices(_ names: [String]) -> String {
        let quoted = names.map { "\"\($0)\"" }
        guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }
}

extension Field {
    private static let secretFileLimit = 65_536

    /// A string that is not empty.
    func text() -> TextValue? { accepted(resolved()) }

    private func accepted(_ found: TextValue?) -> TextValue? {
        guard let value = found else { return nil }
        guard !value.bytes.isEmpty else {
            fail("\(value.hidden) is empty", "write a value")
            return nil
        }
        guard !value.bytes.contains(0) else {
            fail("\(value.hidden) holds a NUL character", "remove it")
            return nil
        }
        return value
    }

    /// A string in a form of its own. With `isHidden` the value is not repeated in the message.
    func parsed<Value>(isHidden: Bool = false, _ parse: (String) throws(ValueProblem) -> Value) -> Value? {
        guard let value = text() else { return nil }
        do {
            return try parse(value.text)
        } catch {
            fail("\(isHidden ? value.hidden : value.shown) \(error.problem)", error.remedy)
            return nil
        }
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Choice? {
        let names = Choice.allCases.map(\.rawValue)
        return parsed { text throws(ValueProblem) in
            if let choice = Choice(rawValue: text) { return choice }
            throw ValueProblem("is not known here", names.count == 1 ? "write \"\(names[0])\"" : "write \(Shown.choices(names))")
        }
    }

    /// A secret: never shown, and refused when it comes from a file of its own that group or others can read.
    func secret(_ check: (String) throws(ValueProblem) -> Void) -> Secret? {
        guard let value = text() else { return nil }
        guardSecret(value)
        do {
            try check(value.text)
            return Secret(value.bytes)
        } catch {
            fail("\(value.hidden) \(error.problem)", error.remedy)
            return nil
        }
    }

    /// Applies the permission rule to the place where a secret came from.
    func guardSecret(_ value: TextValue) {
        switch value.origin {
        case .literal: context.noteInlineSecret(path, at: node.offset)
        case .environment: break
        case .file(let path, let content): if context.isExposed(content, at: path) { failExposed(path, mode: content.mode) }
        }
    }

    func failExposed(_ path: String, mode: String) {
        let exposed = ValueProblem.exposed(path, mode: mode)
        fail(exposed.problem, exposed.remedy)
    }

    private func resolved() -> TextValue? {
        switch node.value {
        case .string(let text):
            return text.contains("${") ? fromEnvironment(text) : TextValue(bytes: Array(text.utf8), text: text, origin: .literal)
        case .object: return fromFile()
        case .null: fail("null is not a string", "leave the key out, or write a string")
        default: fail("this is \(node.value.kind), not a string", "write it in double quotes")
        }
        return nil
    }

    private func fromEnvironment(_ text: String) -> TextValue? {
        let name = String(text.dropFirst(2).dropLast())
        guard text.hasPrefix("${"), text.hasSuffix("}"), Self.isVariableName(name) else {
            fail("\"${\" stands in this string, but the string is not one variable's name", "write the whole value as \"${NAME}\"")
            return nil
        }
        return variable(name).map { TextValue(bytes: Array($0.utf8), text: $0, origin: .environment(name)) }
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { NameRule.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
    }

    private func variable(_ name: String) -> String? {
        if let value = context.environment[name] { return value }
        fail("the environment variable \(name) is not set", "set it where countersign is started, or write the value another way")
        return nil
    }

    /// `${NAME}/rest`, which only paths may be: a service manager tells its folders by variables (systemd.exec(5)). nil for anything else.
    private var folderVariable: (name: String, rest: Substring)? {
        guard case .string(let text) = node.value, text.hasPrefix("${"), let end = text.firstIndex(of: "}") else { return nil }
        let rest = text[text.index(after: end)...]
        let name = String(text[..<end].dropFirst(2))
        guard rest.hasPrefix("/"), !rest.contains("${"), Self.isVariableName(name) else { return nil }
        return (name, rest)
    }

    private func fromFile() -> TextValue? {
        guard let reader = object(FileReferenceKey.self), let field = reader.required(.file, example: "\"/run/secrets/key\"") else {
            return nil
        }
        guard case .string = field.node.value else {
            field.fail("this is \(field.node.value.kind), not a path", "write it in double quotes")
            return nil
        }
        guard let path = field.filePath(), var content = field.contents(path, limit: Self.secretFileLimit)
        else {
            return nil
        }
        // One newline, which editors and `echo` leave behind; anything more is part of the value.
        if content.bytes.last == 0x0A {
            content.bytes.removeLast()
            if content.bytes.last == 0x0D { content.bytes.removeLast() }
        }
        let text = String(decoding: content.bytes, as: UTF8.self)
        return TextValue(bytes: content.bytes, text: text, origin: .file(path: path, content))
    }

    /// The content of a file that this field names.
    func contents(_ path: String, limit: Int) -> FileContent? {
        context.noteSourceFile(path)
        do {
            return try FileReading.read(path, limit: limit)
        } catch {
            fail("\(path) \(error.problem)", error.remedy)
            return nil
        }
    }

    /// The absolute form of a path; relative ones start at the configuration file's folder.
    func filePath() -> String? {
        guard let (name, rest) = folderVariable else { return text().map { context.resolve($0.text) } }
        let value = variable(name).map { TextValue(bytes: Array(($0 + rest).utf8), text: $0 + rest, origin: .environment(name)) }
        return accepted(value).map { context.resolve($0.text) }
    }
}

/// That an operator has stopped all destructive calls: who, when and why. Everything but GET, HEAD and OPTIONS is destructive.
public struct Freeze: Sendable, Equatable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var sinceMilliseconds: Int64
    /// The name that the operator gave; callers are told. At most 64 characters, no controls.
    public var by: String
    /// Where the command came from, for operators and records: `127.0.0.1:4711`, `unix:uid=0,gid=0,pid=1`, or the gateway itself.
    public var source: String
    /// In the operator's words; callers are told. At most 200 characters, no controls.
    public var reason: String

    public init(sinceMilliseconds: Int64, by: String, source: String, reason: String) {
        self.sinceMilliseconds = sinceMilliseconds
        self.by = Freeze.clean(by, limit: 64)
        self.source = Freeze.clean(source, limit: 128)
        self.reason = Freeze.clean(reason, limit: 200)
    }

    /// Whether nothing but reading is done with this method (RFC 9110 section 9.2.1, without TRACE, which no route has use for).
    public static func isDestructive(method: String) -> Bool { !["GET", "HEAD", "OPTIONS"].contains(method) }

    /// What stands in the place of a freeze that cannot be read: fail closed.
    public static func unreadable(_ problem: String, path: String, nowMilliseconds: Int64) -> Freeze {
        Freeze(
            sinceMilliseconds: nowMilliseconds, by: "countersign", source: "start",
            reason: "whether calls are frozen cannot be told, for \(path) \(problem)")
    }

    /// One line, controls as spaces, cut to `limit` characters.
    private static func clean(_ text: String, limit: Int) -> String {
        let scalars = text.unicodeScalars.prefix(limit).map { character in
            character.value < 0x20 || (0x7F...0x9F).contains(character.value) ? " " : Character(character)
        }
        return String(scalars)
    }

    /// Whether a text seems to name a phone number, which must not stand in what callers and logs are told: a plus sign and seven digits
    /// or more, whatever separates them.
    public static func namesPhoneNumber(_ text: String) -> Bool {
        var digits = 0
        var isCounting = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "+"): (isCounting, digits) = (true, 0)
            case UInt8(ascii: "0")...UInt8(ascii: "9") where isCounting: digits += 1
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"): break
            default: isCounting = false
            }
            if digits >= 7 { return true }
        }
        return false
    }
}

extension Freeze {
    /// What callers are told. 503, for it is not the caller's fault and will pass.
    public var refusal: Refusal {
        Refusal(
            .unavailable, "gateway/frozen",
            "Calls that change something are frozen since \(RFC3339.string(milliseconds: sinceMilliseconds)) by \(by) (\(reason)), so nothing "
                + "was sent: try again when an operator has thawed this gateway with countersign thaw.")
    }

    /// For operators, one line.
    public var sentence: String {
        "calls that change something are refused since \(RFC3339.string(milliseconds: sinceMilliseconds)), by \(by): \(reason)"
    }
}

// MARK: - On disk

extension Freeze {
    private static let title = "countersign freeze 1"
    private static let end = "end"

    /// The content of a state file. The last line shows that nothing is missing.
    public var text: String {
        "\(Freeze.title)\nsince: \(sinceMilliseconds)\nby: \(by)\nsource: \(source)\nreason: \(reason)\n\(Freeze.end)\n"
    }

    /// Exactly what `text` gives; nil for anything else.
    public init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 7, lines[0] == Freeze.title, lines[5] == Freeze.end, lines[6].isEmpty,
            let since = Freeze.value("since", in: lines[1]).flatMap({ Int64($0) }), let by = Freeze.value("by", in: lines[2]),
            let source = Freeze.value("source", in: lines[3]), let reason = Freeze.value("reason", in: lines[4])
        else { return nil }
        self.init(sinceMilliseconds: since, by: String(by), source: String(source), reason: String(reason))
    }

    private static func value(_ name: String, in line: Substring) -> Substring? {
        line.hasPrefix(name + ": ") ? line.dropFirst(name.count + 2) : nil
    }
}

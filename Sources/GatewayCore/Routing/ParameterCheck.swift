/// The id rule of contract section 3: one decoded value in, nil or the refusal that names the mistake out.
enum ParameterCheck {
    static func check(_ value: ArraySlice<UInt8>, _ format: ParameterFormat) -> Refusal? {
        if value.isEmpty { return empty }
        if holdsEscape(value) { return doubleEncoded }
        switch format {
        case .e164: return checkE164(value)
        case .any:
            if value.allSatisfy({ $0 == UInt8(ascii: " ") }) { return empty }
            return isUTF8(value) ? nil : notUTF8
        }
    }

    /// E.164 (ITU-T): a plus, then 2 to 15 digits of which the first is not 0.
    private static func checkE164(_ value: ArraySlice<UInt8>) -> Refusal? {
        let digits = value.dropFirst()
        if value.first == UInt8(ascii: " "), digits.first.map(isDigit) == true { return blankForPlus }
        guard value.first == UInt8(ascii: "+"), (2...15).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy(isDigit)
        else { return notE164 }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// Whether a percent escape is left after one decoding: the caller encoded twice.
    private static func holdsEscape(_ value: ArraySlice<UInt8>) -> Bool {
        guard value.contains(UInt8(ascii: "%")) else { return false }
        var index = value.startIndex
        while index + 2 < value.endIndex {
            if value[index] == UInt8(ascii: "%"), ASCII.hexValue(value[index + 1]) != nil, ASCII.hexValue(value[index + 2]) != nil {
                return true
            }
            index += 1
        }
        return false
    }

    private static func isUTF8(_ value: ArraySlice<UInt8>) -> Bool {
        value.allSatisfy { $0 < 0x80 } || String(validating: value, as: UTF8.self) != nil
    }

    private static let empty = Refusal(
        .badRequest, "id/empty", "The id in the path is empty: name one, as in /phone-numbers/%2B12065550100.")
    private static let doubleEncoded = Refusal(
        .badRequest, "id/double-encoded",
        "The id in the path is percent-encoded twice (%25...): encode it once, so that a plus is %2B, or send the plus as it is.")
    private static let blankForPlus = Refusal(
        .badRequest, "id/blank-for-plus", "The id starts with a blank where a plus belongs: send %2B or a literal '+', not a blank or %20.")
    private static let notE164 = Refusal(
        .badRequest, "id/format",
        "The id is not an E.164 phone number: send a plus and 2 to 15 digits, the first not 0, as in %2B12065550100.")
    private static let notUTF8 = Refusal(
        .badRequest, "id/encoding", "The id is not valid UTF-8: percent-encode the bytes of its UTF-8 form.")
}

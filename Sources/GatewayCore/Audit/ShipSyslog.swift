/// How one message is told from the next on a stream.
public enum SyslogFraming: Sendable, Equatable {
    /// Its length in decimal and a space before each (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
    case octetCounting
    /// A line feed after each (RFC 6587 section 3.4.2): what readers of unix stream sockets expect. No record holds one.
    case lineFeed
    /// One datagram each.
    case datagram
}

/// Writes records as messages of RFC 5424.
///
///     <134>1 2026-01-31T23:59:59.123Z gw-1 countersign 4711 outcome [countersign@32473 seq="7" hash="…" id="…"] {"v":1,…}
///
/// 32473 is the enterprise number that RFC 5612 keeps for examples, since this program has none of its own. The message has no byte order
/// mark (it is MSG-ANY in the terms of section 6.4), so that a collector can give it to a JSON parser as it is.
public struct SyslogFormat: Sendable {
    public let framing: SyslogFraming
    private let facility: Int
    /// ` APP-NAME PROCID `
    private let names: [UInt8]

    /// - Parameters:
    ///   - appName: APP-NAME, at most 48 printable ASCII characters.
    ///   - processID: PROCID.
    public init(framing: SyslogFraming, facility: SyslogFacility, appName: String, processID: Int32) {
        self.framing = framing
        self.facility = facility.code
        names = [0x20] + SyslogFormat.printable(Array(appName.utf8)[...], most: 48) + Array(" \(processID) ".utf8)
    }

    /// Appends the message for `record`, whose line is `bytes`.
    public func append(_ record: ShipRecord, _ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let start = output.count
        output.append(contentsOf: "<\(facility * 8 + SyslogFormat.severity(of: bytes[record.stage]))>1 ".utf8)
        field(bytes[record.time], most: 32, to: &output)
        output.append(0x20)
        field(bytes[record.instance], most: 255, to: &output)
        output.append(contentsOf: names)
        field(bytes[record.stage], most: 32, to: &output)
        output.append(contentsOf: " [countersign@32473 seq=\"\(record.line.sequence)\" hash=\"".utf8)
        let hash = bytes.count - 66
        output.append(contentsOf: bytes[hash..<hash + 64])
        if !record.id.isEmpty {
            output.append(contentsOf: "\" id=\"".utf8)
            value(bytes[record.id], to: &output)
        }
        output.append(contentsOf: "\"] ".utf8)
        output.append(contentsOf: bytes)
        switch framing {
        case .datagram: break
        case .lineFeed: output.append(0x0A)
        case .octetCounting: output.insert(contentsOf: "\(output.count - start) ".utf8, at: start)
        }
    }

    /// Section 6.2.1: warning (4) for what was refused, informational (6) for everything else.
    static func severity(of stage: Slice<UnsafeRawBufferPointer>) -> Int { stage.elementsEqual("refusal".utf8) ? 4 : 6 }

    /// A header field: printable ASCII without spaces, `-` for none (section 6, NILVALUE).
    private func field(_ text: Slice<UnsafeRawBufferPointer>, most: Int, to output: inout [UInt8]) {
        if text.isEmpty { return output.append(0x2D) }
        for byte in text.prefix(most) { output.append((0x21...0x7E).contains(byte) ? byte : 0x3F) }
    }

    /// A PARAM-VALUE: `"`, `\` and `]` get a backslash before them (section 6.3.3).
    private func value(_ text: Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]) {
        for byte in text {
            if byte == 0x22 || byte == 0x5C || byte == 0x5D { output.append(0x5C) }
            output.append(byte)
        }
    }

    private static func printable(_ bytes: ArraySlice<UInt8>, most: Int) -> [UInt8] {
        bytes.isEmpty ? [0x2D] : bytes.prefix(most).map { (0x21...0x7E).contains($0) ? $0 : 0x3F }
    }
}

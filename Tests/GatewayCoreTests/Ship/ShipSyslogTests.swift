import Testing

@testable import GatewayCore

@Suite struct ShipSyslogTests {
    private func message(_ line: [UInt8], _ framing: SyslogFraming = .datagram, facility: SyslogFacility = .local0) throws -> String {
        let format = SyslogFormat(framing: framing, facility: facility, appName: "countersign", processID: 7)
        var output: [UInt8] = []
        try line.withUnsafeBytes { bytes in format.append(try #require(ShipRecord(bytes)), bytes, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: [("intent", 134), ("outcome", 134), ("refusal", 132), ("checkpoint", 134)])
    func hasTheHeaderOfRFC5424(stage: String, priority: Int) throws {
        let line = try shipLines([shipBody(stage)])[0]
        let text = String(decoding: line, as: UTF8.self)
        let hash = text.dropLast(2).suffix(64)
        #expect(
            try message(line)
                == "<\(priority)>1 2026-01-31T23:59:59.123Z gw-1 countersign 7 \(stage) [countersign@32473 seq=\"1\" hash=\"\(hash)\" id=\"id-1\"] \(text)"
        )
    }

    @Test(arguments: [(SyslogFacility.kern, 6), (.ftp, 94), (.local0, 134), (.local7, 190)])
    func facilitiesHaveTheirNumbers(facility: SyslogFacility, priority: Int) throws {
        let line = try shipLines([shipBody("intent")])[0]
        #expect(try message(line, facility: facility).hasPrefix("<\(priority)>1 "))
    }

    @Test func framesSayWhereAMessageEnds() throws {
        let line = try shipLines([shipBody("intent")])[0]
        let bare = try message(line)
        #expect(try message(line, .octetCounting) == "\(bare.utf8.count) \(bare)")
        #expect(try message(line, .lineFeed) == bare + "\n")
    }

    @Test(arguments: [
        ("a]b", "gw-1", "id=\"a\\]b\"", " gw-1 "), (#"a\"b"#, "gw-1", #"id="a\\\"b""#, " gw-1 "),
        ("a", "büro 1", "id=\"a\"", " b??ro?1 "), ("a", "", "id=\"a\"", "Z - countersign"),
    ])
    func valuesAreEscaped(id: String, instance: String, parameter: String, host: String) throws {
        let text = try message(try shipLines([shipBody("intent", id: id, instance: instance)])[0])
        #expect(text.contains(parameter) && text.contains(host))
    }

    @Test func aRecordWithOtherMembersHasFewerFields() throws {
        let text = try message(try shipLines([",\"kind\":\"other\""])[0])
        #expect(text.hasPrefix("<134>1 - - countersign 7 - [countersign@32473 seq=\"1\" hash=\""))
    }

    @Test(arguments: ["", "{}", "{\"v\":1,\"seq\":1", "x"])
    func whatIsNoRecordIsNone(text: String) {
        Array(text.utf8).withUnsafeBytes { #expect(ShipRecord($0) == nil) }
    }

    @Test func cutLinesAreNoRecordsAndDoNoHarm() throws {
        let line = try shipLines([shipBody("intent", id: #"a\"#)])[0]
        for count in 0..<line.count { line[..<count].withUnsafeBytes { #expect(ShipRecord($0) == nil) } }
    }
}

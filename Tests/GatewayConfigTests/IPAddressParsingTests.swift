import GatewayCore
import Testing

@Suite struct IPAddressParsingTests {
    @Test(
        arguments: [
            ("127.0.0.1", 0, 0xFFFF_7F00_0001), ("0.0.0.0", 0, 0xFFFF_0000_0000), ("255.255.255.255", 0, 0xFFFF_FFFF_FFFF),
            ("::", 0, 0), ("::1", 0, 1), ("1::", 0x1_0000_0000_0000, 0), ("::ffff:10.1.2.3", 0, 0xFFFF_0A01_0203),
            ("2001:db8::8:800:200C:417A", 0x2001_0DB8_0000_0000, 0x0008_0800_200C_417A),
            ("1:2:3:4:5:6:7:8", 0x1_0002_0003_0004, 0x5_0006_0007_0008),
            ("1:2:3:4:5:6:1.2.3.4", 0x1_0002_0003_0004, 0x5_0006_0102_0304), ("1:2:3:4:5:6:7::", 0x1_0002_0003_0004, 0x5_0006_0007_0000),
        ] as [(String, UInt64, UInt64)])
    func reads(text: String, high: UInt64, low: UInt64) {
        #expect(IPAddress(text) == IPAddress(high: high, low: low))
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "+1.2.3.4", "1..2.3", "1.2.3.", "a.b.c.d", "0x7f.0.0.1",
        "1.2.3.1000",
        ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0", "[::1]", "1:",
        ":1",
        "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "::1.2.3", "1:::2", "::-1",
    ])
    func refuses(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("::ffff:1.2.3.4", "1.2.3.4"), ("10.0.0.1", "10.0.0.1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("fe80:0:0:0:1:2:3:4", "fe80::1:2:3:4"),
    ])
    func writesCanonically(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1", "10.0.0.0/8"), ("127.0.0.1/32", "127.0.0.1", "127.0.0.2", "127.0.0.1/32"),
        ("0.0.0.0/0", "8.8.8.8", "::1", "0.0.0.0/0"), ("fd00::/8", "fdff::1", "fe00::1", "fd00::/8"), ("::1/128", "::1", "::2", "::1/128"),
        ("2001:db8:0:8000::/49", "2001:db8:0:ffff::1", "2001:db8::1", "2001:db8:0:8000::/49"),
    ])
    func readsNetworks(text: String, inside: String, outside: String, canonical: String) throws {
        let network = try NetworkPrefix(cidr: text)
        #expect(network.contains(try #require(IPAddress(inside))))
        #expect(!network.contains(try #require(IPAddress(outside))))
        #expect(network.description == canonical)
    }

    @Test func saysWhatIsWrongWithANetwork() throws {
        #expect(throws: NetworkPrefixError.notAnAddress) { try NetworkPrefix(cidr: "ten/8") }
        #expect(throws: NetworkPrefixError.lengthMissing(single: try NetworkPrefix(cidr: "10.0.0.1/32"))) {
            try NetworkPrefix(cidr: "10.0.0.1")
        }
        #expect(throws: NetworkPrefixError.lengthOutOfRange(maximum: 32)) { try NetworkPrefix(cidr: "10.0.0.0/33") }
        #expect(throws: NetworkPrefixError.lengthOutOfRange(maximum: 128)) { try NetworkPrefix(cidr: "::/129") }
        #expect(throws: NetworkPrefixError.lengthOutOfRange(maximum: 32)) { try NetworkPrefix(cidr: "10.0.0.0/08") }
        #expect(throws: NetworkPrefixError.lengthOutOfRange(maximum: 32)) { try NetworkPrefix(cidr: "10.0.0.0/") }
        #expect(throws: NetworkPrefixError.hostBitsSet(network: try NetworkPrefix(cidr: "10.0.0.0/8"))) {
            try NetworkPrefix(cidr: "10.1.2.3/8")
        }
    }
}

import Testing

@testable import GatewayCore

@Suite("Networks")
struct NetworkPrefixTests {
    @Test(
        "Which addresses a network holds",
        arguments: [
            ("127.0.0.1/32", "127.0.0.1", true), ("127.0.0.1/32", "127.0.0.2", false), ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "::ffff:9.9.9.9", true), ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("192.168.128.0/17", "192.168.128.1", true), ("192.168.128.0/17", "192.168.127.255", false), ("::/0", "fe80::1", true),
            ("::/0", "10.0.0.1", true), ("::1/128", "::1", true), ("::1/128", "::2", false), ("fd00::/8", "fdff:ffff::1", true),
            ("fd00::/8", "fc00::1", false), ("2001:db8::/32", "2001:db8:ffff::", true), ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8:0:1::/64", "2001:db8:0:1:ffff:ffff:ffff:ffff", true), ("2001:db8:0:1::/64", "2001:db8:0:2::", false),
            ("2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:1", true), ("2001:db8::8000:0:0:0/65", "2001:db8::7fff:0:0:1", false),
        ])
    func holds(network: String, address: String, isInside: Bool) throws {
        let prefix = try NetworkPrefix(cidr: network)
        #expect(prefix.contains(try #require(IPAddress(address))) == isInside)
    }

    @Test("At every length, the first address outside differs in the last bit of the prefix", arguments: 1...128)
    func everyLength(length: Int) {
        let address = IPAddress(high: 0x2001_0DB8_A5A5_5A5A, low: 0x0123_4567_89AB_CDEF)
        let network = NetworkPrefix(address: address, length: length).masked
        #expect(network.contains(address))
        var near = network.address
        var far = network.address
        if length <= 64 { near.high ^= 1 << UInt64(64 - length) } else { near.low ^= 1 << UInt64(128 - length) }
        // Everything after the prefix may be set.
        far.low |= length <= 64 ? .max : (length == 128 ? 0 : .max >> UInt64(length - 64))
        far.high |= length < 64 ? .max >> UInt64(length) : 0
        #expect(!network.contains(near))
        #expect(network.contains(far))
    }

    @Test(
        "Loopback",
        arguments: [
            ("127.0.0.1", true), ("127.255.0.9", true), ("128.0.0.1", false), ("::1", true), ("::2", false), ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
        ]
    )
    func loopback(text: String, isLoopback: Bool) throws {
        #expect(try #require(IPAddress(text)).isLoopback == isLoopback)
    }
}

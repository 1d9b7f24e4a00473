/// Inputs that are nearly right: seeds with a few bytes, lines or halves changed. The same seed gives the same inputs.
struct HTTP1Mutator {
    private var state: UInt64
    private let seeds: [[UInt8]]

    init(seed: UInt64, seeds: [[UInt8]]) {
        // Far apart, or the sequences of neighbouring seeds would be the same one shifted.
        state = seed &* 0xD134_2543_DE82_EF95
        self.seeds = seeds.isEmpty ? [[]] : seeds
    }

    /// What tends to matter to a parser.
    private static let pieces: [[UInt8]] =
        [
            "\r\n", "\r", "\n", "\r\n\r\n", " ", "\t", ":", ";", ",", "\0", "#", "?", "%", "/", "*", "0", "1", "f", "+", "-", "\"", "=",
            "@", "[",
            "Content-Length: 3\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Host: a\r\n",
            "Connection: keep-alive\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n", "X-Y: z\r\n", "Trailer: a\r\n", "chunked", "gzip",
            "0\r\n\r\n",
            "3\r\nabc\r\n", "HTTP/1.0", "HTTP/1.1", "http://a", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", ";a=b",
            " ;a", ";a=\"\\\"\"",
        ].map { Array($0.utf8) } + [[0x7F], [0x80], [0xFF], [0x0B], [0x0C], [0x1F]]

    mutating func next() -> [UInt8] {
        var bytes = seeds[below(seeds.count)]
        for _ in 0...below(3) { mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let place = below(bytes.count + 1)
        switch below(8) {
        case 0 where place < bytes.count: bytes.remove(at: place)
        case 1 where place < bytes.count: bytes[place] = UInt8(below(256))
        case 2 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
        case 3 where place < bytes.count: bytes.replaceSubrange(place...place, with: piece())
        case 4: bytes.insert(contentsOf: piece(), at: place)
        case 5: insertLine(&bytes)
        case 6: removeLine(&bytes)
        default:
            // The head of one with the tail of another.
            let other = seeds[below(seeds.count)]
            if below(4) == 0 { bytes = Array(bytes[..<place]) + other[below(other.count + 1)...] } else { bytes += other }
        }
    }

    private mutating func piece() -> [UInt8] { Self.pieces[below(Self.pieces.count)] }

    private func lineStarts(_ bytes: [UInt8]) -> [Int] { bytes.indices.filter { $0 > 0 && bytes[$0 - 1] == 0x0A } }

    private mutating func insertLine(_ bytes: inout [UInt8]) {
        let starts = lineStarts(bytes)
        guard !starts.isEmpty else { return }
        bytes.insert(contentsOf: piece(), at: starts[below(starts.count)])
    }

    private mutating func removeLine(_ bytes: inout [UInt8]) {
        let starts = [0] + lineStarts(bytes)
        let start = starts[below(starts.count)]
        bytes.removeSubrange(start..<(starts.first { $0 > start } ?? bytes.count))
    }

    /// SplitMix64.
    private mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((word ^ (word >> 31)) % UInt64(bound))
    }
}

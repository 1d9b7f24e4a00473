/// The third line of a canonical request.
///
/// AWS's own signers disagree on what a raw `+`, `*` or `%7E` signs as, so the safe course is to send the canonical form itself:
/// a query that is canonical already comes back unchanged.
public enum CanonicalQuery {
    /// `query` as it stands on the wire, after `?`. Each name and value is decoded once and encoded anew (`+` is a plus and becomes
    /// `%2B`), a missing value becomes an empty one, empty pieces (`&&`) are dropped, and the pairs are sorted by encoded name,
    /// then by encoded value, byte by byte.
    public static func canonicalize(_ query: [UInt8]) -> [UInt8] {
        join(pairs(query).map { ($0.name, $0.value) })
    }

    /// Decoded pairs in the order given.
    static func pairs(_ query: [UInt8]) -> [(name: [UInt8], value: [UInt8])] {
        query.split(separator: 0x26, omittingEmptySubsequences: true).map { piece in
            let parts = piece.split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
            return (PercentEncoding.decode(parts[0]), parts.count > 1 ? PercentEncoding.decode(parts[1]) : [])
        }
    }

    /// Encodes, sorts and joins decoded pairs.
    static func join(_ pairs: [(name: [UInt8], value: [UInt8])]) -> [UInt8] {
        let encoded = pairs.map {
            (name: PercentEncoding.encode($0.name, keepsSlash: false), value: PercentEncoding.encode($0.value, keepsSlash: false))
        }
        let sorted = encoded.sorted { left, right in
            left.name == right.name ? left.value.lexicographicallyPrecedes(right.value) : left.name.lexicographicallyPrecedes(right.name)
        }
        var joined: [UInt8] = []
        for pair in sorted {
            if !joined.isEmpty { joined.append(0x26) }
            joined.append(contentsOf: pair.name)
            joined.append(0x3D)
            joined.append(contentsOf: pair.value)
        }
        return joined
    }
}

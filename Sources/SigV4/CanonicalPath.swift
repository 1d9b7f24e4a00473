/// The second line of a canonical request.
public enum CanonicalPath {
    /// `path` as it stands on the wire, up to and not including `?`; empty counts as `/`.
    public static func canonicalize(_ path: [UInt8], options: SigningOptions) -> [UInt8] {
        var canonical = path.isEmpty ? [slash] : path
        if options.normalizesPath { canonical = normalize(canonical) }
        if options.doubleEncodesPath { canonical = PercentEncoding.encode(canonical, keepsSlash: true) }
        return canonical
    }

    /// Removes `.` and `..` segments (RFC 3986 section 5.2.4) and empty ones. A trailing slash stays as long as a segment stands
    /// before it. Encoded dots (`%2E`) are no dot segments to AWS's signers, and so not here.
    static func normalize(_ path: [UInt8]) -> [UInt8] {
        var kept: [ArraySlice<UInt8>] = []
        for segment in path.split(separator: slash, omittingEmptySubsequences: true) {
            if segment.elementsEqual([dot]) { continue }
            if segment.elementsEqual([dot, dot]) {
                _ = kept.popLast()
            } else {
                kept.append(segment)
            }
        }
        var normalized: [UInt8] = []
        normalized.reserveCapacity(path.count + 1)
        if path.first == slash { normalized.append(slash) }
        for (index, segment) in kept.enumerated() {
            if index > 0 { normalized.append(slash) }
            normalized.append(contentsOf: segment)
        }
        if path.last == slash, !kept.isEmpty { normalized.append(slash) }
        return normalized
    }

    private static let slash: UInt8 = 0x2F
    private static let dot: UInt8 = 0x2E
}

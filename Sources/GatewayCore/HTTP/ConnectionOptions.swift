extension FieldSection {
    /// The names listed in `Connection` fields, beyond those that are hop-by-hop anyway. Nearly always empty: `close` and `keep-alive` are not
    /// field names, so they are left out. A field so named must not travel on (RFC 9110 section 7.6.1).
    func nominatedFields() -> [ByteRange] {
        var nominated: [ByteRange] = []
        for line in lines where line.kind == .connection {
            var start = Int(line.value.start)
            let end = Int(line.value.end)
            while start < end {
                var stop = start
                while stop < end, bytes[stop] != UInt8(ascii: ",") { stop += 1 }
                var first = start
                var last = stop
                while first < last, isBlank(bytes[first]) { first += 1 }
                while last > first, isBlank(bytes[last - 1]) { last -= 1 }
                let name = ByteRange(first, last)
                if name.count > 0, !withBytes(name, { ASCII.equalsIgnoringCase($0, "close") || ASCII.equalsIgnoringCase($0, "keep-alive") })
                {
                    nominated.append(name)
                }
                start = stop + 1
            }
        }
        return nominated
    }

    /// The lines of a kind that `Connection` does not keep to this hop.
    public func travellingLines(of kind: FieldName) -> [FieldLine] {
        let found = lines.filter { $0.kind == kind }
        if found.isEmpty { return found }
        let nominated = nominatedFields()
        return nominated.isEmpty ? found : found.filter { !isNominated($0, among: nominated) }
    }

    func isNominated(_ line: FieldLine, among nominated: [ByteRange]) -> Bool {
        nominated.contains { name in
            name.count == line.name.count
                && bytes.withUnsafeBytes {
                    ASCII.equalIgnoringCase(
                        UnsafeRawBufferPointer(rebasing: $0[name.range]), UnsafeRawBufferPointer(rebasing: $0[line.name.range]))
                }
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

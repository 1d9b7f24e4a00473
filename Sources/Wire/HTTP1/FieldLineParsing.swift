import GatewayCore

extension FieldLine {
    /// Parses one field line, `field-name ":" OWS field-value OWS` (RFC 9112 section 5). `line` is not empty and excludes its CRLF.
    @inline(__always)
    init(parsing bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(HTTP1Error) {
        let start = line.lowerBound
        var end = line.upperBound
        var colon = start
        while colon < end, ByteSet.token.contains(bytes[colon]) { colon &+= 1 }
        guard colon < end, colon > start, bytes[colon] == Byte.colon else {
            throw FieldLine.mistakeInName(bytes, line, at: colon)
        }
        var value = colon &+ 1
        guard Byte.areText(bytes, value, end) else { throw FieldLine.mistakeInText(bytes, value..<end) }
        while value < end, Byte.isBlank(bytes[value]) { value &+= 1 }
        while end > value, Byte.isBlank(bytes[end &- 1]) { end &-= 1 }
        self.init(
            name: ByteRange(start, colon), value: ByteRange(value, end),
            kind: FieldName(UnsafeRawBufferPointer(rebasing: bytes[start..<colon])))
    }

    /// Which mistake it is that no name and colon start the line; `stop` is the first byte that is no `tchar`, or the line's end.
    @inline(never)
    private static func mistakeInName(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, at stop: Int) -> HTTP1Error {
        guard stop < line.upperBound else { return HTTP1Error(.missingColon) }
        if Byte.isBlank(bytes[stop]) {
            if stop == line.lowerBound { return HTTP1Error(.foldedLine) }
            var next = stop
            while next < line.upperBound, Byte.isBlank(bytes[next]) { next += 1 }
            return HTTP1Error(next < line.upperBound && bytes[next] == Byte.colon ? .spaceBeforeColon : .invalidFieldName)
        }
        if bytes[stop] == Byte.colon { return HTTP1Error(.emptyFieldName) }
        return HTTP1Error(bytes[stop] == Byte.carriageReturn ? .bareCarriageReturn : .invalidFieldName)
    }

    /// Which mistake the first byte that is no text makes, in a field value or a reason phrase.
    @inline(never)
    static func mistakeInText(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> HTTP1Error {
        for index in range where !Byte.isText(bytes[index]) {
            return HTTP1Error(bytes[index] == Byte.carriageReturn ? .bareCarriageReturn : .controlInFieldValue)
        }
        return HTTP1Error(.controlInFieldValue)
    }
}

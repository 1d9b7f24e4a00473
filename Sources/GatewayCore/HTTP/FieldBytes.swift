/// Writing field lines as HTTP/1.1 spells them, `name: value` CR LF. HTTP/2 takes the same lines apart again (`FieldBytes.forEachLine`), so that
/// what an answer says is decided in one place for both.
public enum FieldBytes {
    @inline(__always)
    public static func append(_ text: StaticString, to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    public static func append(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { output.append(contentsOf: $0) }
    }

    /// `name: value` CR LF, both copied from `section`.
    public static func append(_ line: FieldLine, of section: FieldSection, to output: inout [UInt8]) {
        section.bytes.withUnsafeBytes { bytes in
            // Parsed lines mostly stand as `name: value` CR LF already, so one copy carries all of it.
            let separator = Int(line.name.end)
            let end = Int(line.value.end)
            if Int(line.value.start) == separator + 2, bytes[separator] == UInt8(ascii: ":"), bytes[separator + 1] == UInt8(ascii: " ") {
                if end + 2 <= bytes.count, bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") {
                    output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[Int(line.name.start)..<end + 2]))
                    return
                }
                output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[Int(line.name.start)..<end]))
            } else {
                output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[line.name.range]))
                append(": ", to: &output)
                output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[line.value.range]))
            }
            append("\r\n", to: &output)
        }
    }

    /// Decimal digits of a number that is not negative.
    public static func append(_ number: Int, to output: inout [UInt8]) {
        precondition(number >= 0)
        if number >= 10 { append(number / 10, to: &output) }
        output.append(0x30 + UInt8(number % 10))
    }

    /// Calls `body` with each name and value of a run of lines that these functions wrote.
    public static func forEachLine(_ lines: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        var start = 0
        while start < lines.count {
            guard let colon = lines[start...].firstIndex(of: UInt8(ascii: ":")),
                let stop = lines[colon...].firstIndex(of: UInt8(ascii: "\r"))
            else { return }
            body(
                UnsafeRawBufferPointer(rebasing: lines[start..<colon]), UnsafeRawBufferPointer(rebasing: lines[min(colon + 2, stop)..<stop])
            )
            start = stop + 2
        }
    }
}

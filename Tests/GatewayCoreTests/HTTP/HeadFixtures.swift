@testable import GatewayCore

/// Request heads as the HTTP/1.1 codec makes them: the raw bytes, and ranges into them.
func requestHead(
    _ method: String, target: [UInt8], _ fields: [(String, String)] = [], framing: BodyFraming = .none
) -> RequestHead {
    var bytes = Array(method.utf8) + [0x20]
    let start = bytes.count
    bytes += target
    let range = ByteRange(start, bytes.count)
    bytes += Array(" HTTP/1.1\r\n".utf8)
    let lines = appendLines(fields, to: &bytes)
    return RequestHead(
        fields: FieldSection(bytes: bytes, lines: lines), method: ByteRange(0, method.utf8.count), target: range, framing: framing)
}

func requestHead(_ method: String, _ target: String, _ fields: [(String, String)] = [], framing: BodyFraming = .none) -> RequestHead {
    requestHead(method, target: Array(target.utf8), fields, framing: framing)
}

/// A DELETE.
func requestHead(_ target: String, _ fields: [(String, String)] = [], framing: BodyFraming = .none) -> RequestHead {
    requestHead("DELETE", target: Array(target.utf8), fields, framing: framing)
}

func responseHead(_ status: Int, _ fields: [(String, String)] = [], framing: BodyFraming = .none) -> ResponseHead {
    var bytes = Array("HTTP/1.1 \(status) Any\r\n".utf8)
    let lines = appendLines(fields, to: &bytes)
    return ResponseHead(fields: FieldSection(bytes: bytes, lines: lines), status: status, framing: framing)
}

/// The same lines as the HTTP/2 codec keeps them: name and value without anything between.
func compactSection(_ fields: [(String, String)]) -> FieldSection {
    var section = FieldSection()
    for (name, value) in fields {
        Array(name.utf8).withUnsafeBytes { name in Array(value.utf8).withUnsafeBytes { section.append(name: name, value: $0) } }
    }
    return section
}

private func appendLines(_ fields: [(String, String)], to bytes: inout [UInt8]) -> [FieldLine] {
    var lines: [FieldLine] = []
    for (name, value) in fields {
        let start = bytes.count
        bytes += Array(name.utf8)
        let middle = bytes.count
        bytes += [0x3A, 0x20]
        let first = bytes.count
        bytes += Array(value.utf8)
        lines.append(
            FieldLine(
                name: ByteRange(start, middle), value: ByteRange(first, bytes.count),
                kind: Array(name.utf8).withUnsafeBytes { FieldName($0) }))
        bytes += [0x0D, 0x0A]
    }
    return lines
}

/// Names and values of lines that were written, in their order.
func writtenLines(_ bytes: [UInt8]) -> [String] {
    var lines: [String] = []
    bytes.withUnsafeBytes { raw in
        FieldBytes.forEachLine(raw) { name, value in
            lines.append("\(String(decoding: name, as: UTF8.self)): \(String(decoding: value, as: UTF8.self))")
        }
    }
    return lines
}

/// A generator with a seed (SplitMix64), so that a random test that fails fails again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

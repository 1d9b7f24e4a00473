/// The request head as the upstream gets it, up to where the signature goes: what the caller sent that may travel on, and nothing that could
/// choose another host, pose as a credential or reframe the body.
public enum UpstreamHead {
    /// Appends the request line, `Host` and the caller's remaining field lines.
    ///
    /// Dropped (contract section 3): hop-by-hop fields and those that `Connection` names, `Host`, `Authorization`, caller tokens, every `X-Amz-*`,
    /// `countersign-*`, `Expect` (answered here) and `Content-Length` (written anew from the body that was read).
    public static func append(
        method: [UInt8], wirePath: [UInt8], query: [UInt8], host: [UInt8], head: RequestHead, bodyLength: Int?, to output: inout [UInt8]
    ) {
        output.append(contentsOf: method)
        output.append(UInt8(ascii: " "))
        output.append(contentsOf: wirePath)
        if !query.isEmpty {
            output.append(UInt8(ascii: "?"))
            output.append(contentsOf: query)
        }
        FieldBytes.append(" HTTP/1.1\r\nHost: ", to: &output)
        output.append(contentsOf: host)
        FieldBytes.append("\r\n", to: &output)
        let nominated = head.fields.nominatedFields()
        for line in head.fields.lines where travelsOn(line.kind) {
            if !nominated.isEmpty, head.fields.isNominated(line, among: nominated) { continue }
            FieldBytes.append(line, of: head.fields, to: &output)
        }
        if let bodyLength {
            FieldBytes.append("Content-Length: ", to: &output)
            FieldBytes.append(bodyLength, to: &output)
            FieldBytes.append("\r\n", to: &output)
        }
    }

    /// Takes a head apart that `append` and the signer have written, for HTTP/2: the fields sent there are the very bytes that were signed.
    ///
    /// - Parameters:
    ///   - head: from the request line up to and including the empty line.
    ///   - lines: room for the field lines, used again by the next call if the section that holds it is gone by then.
    /// - Returns: nil where it is no such head.
    public static func parse(_ head: UnsafeRawBufferPointer, lines: consuming [FieldLine]) -> RequestHead? {
        guard let base = head.baseAddress, let lineEnd = head.firstIndex(of: UInt8(ascii: "\r")),
            let methodEnd = head[..<lineEnd].firstIndex(of: UInt8(ascii: " ")),
            let targetEnd = head[(methodEnd + 1)..<lineEnd].firstIndex(of: UInt8(ascii: " ")), lineEnd + 2 <= head.count
        else { return nil }
        lines.removeAll(keepingCapacity: true)
        FieldBytes.forEachLine(UnsafeRawBufferPointer(rebasing: head[(lineEnd + 2)...])) { name, value in
            guard let nameBase = name.baseAddress, let valueBase = value.baseAddress else { return }
            let nameStart = nameBase - base
            let valueStart = valueBase - base
            lines.append(
                FieldLine(
                    name: ByteRange(nameStart, nameStart + name.count), value: ByteRange(valueStart, valueStart + value.count),
                    kind: FieldName(name)))
        }
        return RequestHead(
            fields: FieldSection(bytes: Array(head), lines: lines), method: ByteRange(0, methodEnd),
            target: ByteRange(methodEnd + 1, targetEnd), version: .http2)
    }

    private static func travelsOn(_ kind: FieldName) -> Bool {
        switch kind {
        case .authorization, .amazon, .countersign, .countersignToken, .contentLength, .expect, .host: false
        default: !kind.isHopByHop
        }
    }
}

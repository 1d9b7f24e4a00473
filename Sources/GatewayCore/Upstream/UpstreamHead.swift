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

    private static func travelsOn(_ kind: FieldName) -> Bool {
        switch kind {
        case .authorization, .amazon, .countersign, .countersignToken, .contentLength, .expect, .host: false
        default: !kind.isHopByHop
        }
    }
}

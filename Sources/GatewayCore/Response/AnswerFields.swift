/// Who speaks in an answer; `countersign-origin`.
public enum AnswerOrigin: Sendable, Equatable {
    case upstream
    case gateway
}

/// The field lines of an answer, apart from those that frame its body: these belong to the connection that sends it.
public enum AnswerFields {
    /// What an upstream answered, as it was, without hop-by-hop fields and without anything that poses as ours (contract section 3).
    public static func appendRelayed(_ head: ResponseHead, id: [UInt8], to output: inout [UInt8]) {
        let nominated = head.fields.nominatedFields()
        for line in head.fields.lines {
            if line.kind.isHopByHop || line.kind == .contentLength || line.kind == .countersign { continue }
            if !nominated.isEmpty, head.fields.isNominated(line, among: nominated) { continue }
            FieldBytes.append(line, of: head.fields, to: &output)
        }
        appendMarks(id: id, origin: .upstream, to: &output)
    }

    /// A refusal in the service's own shape. `requestID` is the upstream's where it has spoken, else the gateway's own.
    public static func appendRefusal(
        _ refusal: Refusal, style: ThrottleStyle, id: [UInt8], requestID: ArraySlice<UInt8>, origin: AnswerOrigin = .gateway,
        date: [UInt8], to output: inout [UInt8]
    ) {
        FieldBytes.append("x-amzn-ErrorType: ", to: &output)
        FieldBytes.append(ErrorShape.of(refusal.kind, style: style).code, to: &output)
        FieldBytes.append("\r\nContent-Type: application/json\r\nx-amzn-RequestId: ", to: &output)
        output.append(contentsOf: requestID)
        FieldBytes.append("\r\nDate: ", to: &output)
        output.append(contentsOf: date)
        FieldBytes.append("\r\n", to: &output)
        appendMarks(id: id, origin: origin, to: &output)
        FieldBytes.append("countersign-reason: ", to: &output)
        FieldBytes.append(refusal.reason, to: &output)
        FieldBytes.append("\r\n", to: &output)
    }

    /// What a reported policy would have refused the request for.
    public static func appendReport(_ reason: String, to output: inout [UInt8]) {
        FieldBytes.append("countersign-would-refuse: ", to: &output)
        FieldBytes.append(reason, to: &output)
        FieldBytes.append("\r\n", to: &output)
    }

    /// `{"Code":"…","Message":"…"}`.
    public static func appendRefusalBody(_ refusal: Refusal, style: ThrottleStyle, to output: inout [UInt8]) {
        FieldBytes.append("{\"Code\":\"", to: &output)
        FieldBytes.append(ErrorShape.of(refusal.kind, style: style).code, to: &output)
        FieldBytes.append("\",\"Message\":\"", to: &output)
        for byte in refusal.message.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0..<0x20: output.append(0x20)
            default: output.append(byte)
            }
        }
        FieldBytes.append("\"}", to: &output)
    }

    private static func appendMarks(id: [UInt8], origin: AnswerOrigin, to output: inout [UInt8]) {
        FieldBytes.append("countersign-id: ", to: &output)
        output.append(contentsOf: id)
        switch origin {
        case .upstream: FieldBytes.append("\r\ncountersign-origin: upstream\r\n", to: &output)
        case .gateway: FieldBytes.append("\r\ncountersign-origin: gateway\r\n", to: &output)
        }
    }
}

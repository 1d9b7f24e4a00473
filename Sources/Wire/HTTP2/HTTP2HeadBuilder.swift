import GatewayCore

/// Gathers one header block, field by field, into the value that the HTTP/1.1 codec makes, too.
///
/// nghttp2 has judged each field by RFC 9113 section 8.2 and 8.3 before it comes here: names in lower case, values without controls,
/// pseudo-header fields known, once, first and complete, no connection-specific field, one numeric Content-Length. What is added here:
/// the limits on the list, and the rules for target, host and expectation that hold for HTTP/1.1.
///
/// A connection sends one header block at a time (section 4.3), so one builder serves a session, keeps its memory, and a head costs two
/// allocations of exactly the right size.
struct HTTP2HeadBuilder {
    enum Kind {
        case request
        case response
        case trailers
    }

    enum Adding {
        case added
        /// So far beyond the limits that the connection should end.
        case excessive
    }

    /// A mistake that RFC 9113 section 8.1.1 calls malformed: the stream is reset with PROTOCOL_ERROR.
    private(set) var isMalformed = false
    /// Lawful HTTP/2 that is answered with an error status.
    private(set) var fault: HTTP1Error?
    private(set) var status = 0

    private let limits: HTTP2Limits
    private var kind = Kind.request
    private var bytes: [UInt8] = []
    private var lines: [FieldLine] = []
    private var cookie: [UInt8] = []
    private var listBytes = 0
    private var method = ByteRange.empty
    private var target = ByteRange.empty
    private var host: ByteRange?
    private var contentLength: Int?
    private var expectsContinue = false

    init(limits: HTTP2Limits) { self.limits = limits }

    var isOverLimit: Bool { fault?.kind == .headTooLarge || fault?.kind == .tooManyFields }
    var hasFields: Bool { !lines.isEmpty }
    /// Content-Length, 0 where there is none. Without end where the client waits for 100 (RFC 9110 section 10.1.1): it need not send any of it
    /// behind another answer.
    var announcedBytes: Int { expectsContinue ? .max : contentLength ?? 0 }

    mutating func begin(_ kind: Kind) {
        self.kind = kind
        bytes.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        cookie.removeAll(keepingCapacity: false)
        listBytes = 0
        method = .empty
        target = .empty
        host = nil
        contentLength = nil
        expectsContinue = false
        isMalformed = false
        fault = nil
        status = 0
    }

    mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Adding {
        listBytes += name.count + value.count + 32
        guard listBytes <= limits.headerListBytes else {
            refuse(.headTooLarge)
            return listBytes > 4 * limits.headerListBytes ? .excessive : .added
        }
        if name.first == Byte.colon {
            addPseudo(name, value)
            return .added
        }
        guard lines.count < limits.fieldCount else {
            refuse(.tooManyFields)
            return .added
        }
        switch FieldName(name) {
        case .host where kind == .request: addHost(value)
        case .contentLength:
            addContentLength(value)
            append(name, value, .contentLength)
        case .expect where kind == .request:
            if ASCII.equalsIgnoringCase(value, "100-continue") { expectsContinue = true } else { refuse(.unsupportedExpectation) }
            append(name, value, .expect)
        case .other where name.count == 6 && ASCII.equalsIgnoringCase(name, "cookie"):
            // RFC 9113 section 8.2.3: crumbs are joined before the message leaves HTTP/2.
            if !cookie.isEmpty { cookie.append(contentsOf: [0x3B, 0x20]) }
            cookie.append(contentsOf: value)
        case let kind: append(name, value, kind)
        }
        return .added
    }

    /// The request head, once the block is complete. `endStream`: no body follows.
    mutating func makeRequest(endStream: Bool) -> RequestHead {
        RequestHead(
            fields: makeSection(), method: method, target: target, version: .http2, framing: framing(endStream), isPersistent: true,
            expectsContinue: expectsContinue && !endStream)
    }

    mutating func makeResponse(endStream: Bool) -> ResponseHead {
        ResponseHead(fields: makeSection(), status: status, version: .http2, framing: framing(endStream))
    }

    mutating func makeSection() -> FieldSection {
        if !cookie.isEmpty {
            let start = bytes.count
            bytes.append(contentsOf: HTTP2HeadBuilder.cookieName)
            let middle = bytes.count
            bytes.append(contentsOf: cookie)
            lines.append(FieldLine(name: ByteRange(start, middle), value: ByteRange(middle, bytes.count), kind: .other))
        }
        // Copies of the right size; the builder keeps its own memory for the next block.
        return FieldSection(bytes: bytes.withUnsafeBufferPointer { Array($0) }, lines: lines.withUnsafeBufferPointer { Array($0) })
    }

    private static let cookieName = Array("cookie".utf8)
    private static let hostName = Array("host".utf8)

    private func framing(_ endStream: Bool) -> BodyFraming {
        if endStream { return .none }
        if let contentLength { return .length(contentLength) }
        return .chunked
    }

    /// Nothing that follows is stored once a head is refused for its size; the first mistake is the one that is told.
    private mutating func refuse(_ mistake: HTTP1Error.Kind) {
        if fault == nil { fault = HTTP1Error(mistake) }
    }

    private mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ kind: FieldName) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        let middle = bytes.count
        bytes.append(contentsOf: value)
        lines.append(FieldLine(name: ByteRange(start, middle), value: ByteRange(middle, bytes.count), kind: kind))
    }

    private mutating func appendValue(_ value: UnsafeRawBufferPointer) -> ByteRange {
        let start = bytes.count
        bytes.append(contentsOf: value)
        return ByteRange(start, bytes.count)
    }

    /// The pseudo-header fields that nghttp2 lets through: `:method :scheme :path :authority` here, `:status` there.
    private mutating func addPseudo(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        switch name.count {
        case 5: addTarget(value)
        case 7 where name[1] == UInt8(ascii: "m"):
            if value.count > HeadLimits.methodBytes { refuse(.methodTooLong) }
            // CONNECT has no path, and this is no tunnel.
            if ASCII.equalsIgnoringCase(value, "connect") { refuse(.unsupportedTargetForm) }
            method = appendValue(value)
        case 7 where name[2] == UInt8(ascii: "c"):
            if !ASCII.equalsIgnoringCase(value, "https"), !ASCII.equalsIgnoringCase(value, "http") { refuse(.unsupportedTargetForm) }
        case 7:
            for digit in value { status = status * 10 + Int(digit &- Byte.zero) }
            // Three digits they are, but the first says what kind of answer it is (RFC 9110 section 15).
            if status < 100 { isMalformed = true }
        default: addHost(value)
        }
    }

    private mutating func addTarget(_ value: UnsafeRawBufferPointer) {
        guard value.count <= limits.targetBytes else { return refuse(.requestLineTooLong) }
        if value.first != Byte.slash { refuse(.unsupportedTargetForm) }
        for byte in value where !ByteSet.target.contains(byte) {
            refuse(byte == Byte.numberSign ? .fragmentInTarget : .invalidTarget)
            break
        }
        target = appendValue(value)
    }

    /// `:authority` and Host become one `host` line, because later stages know no other (RFC 9113 section 8.3.1). If they differ the
    /// request is malformed.
    private mutating func addHost(_ value: UnsafeRawBufferPointer) {
        if let host {
            let isSame = bytes.withUnsafeBytes { ASCII.equalIgnoringCase(UnsafeRawBufferPointer(rebasing: $0[host.range]), value) }
            if !isSame { isMalformed = true }
            return
        }
        guard Authority.isValid(value, 0..<value.count) else { return refuse(.invalidHost) }
        HTTP2HeadBuilder.hostName.withUnsafeBytes { append($0, value, .host) }
        host = lines[lines.count - 1].value
    }

    /// nghttp2 has checked that it is one number of at most 63 bits.
    private mutating func addContentLength(_ value: UnsafeRawBufferPointer) {
        var length = 0
        for byte in value {
            let (tens, overflows) = length.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(Int(byte &- Byte.zero))
            guard Byte.isDigit(byte), !overflows, !carries else {
                isMalformed = true
                return
            }
            length = sum
        }
        contentLength = length
    }
}

import COpenSSL

extension TLSError {
    /// What OpenSSL's errors of one failed call mean.
    init(role: TLSRole, code: Int32, errors: [ErrorQueue.Entry]) {
        if let alert = errors.lazy.compactMap(\.alert).first {
            self.init(.alertReceived(alert), "the \(role.peer) refused the connection: \(AlertText.text(alert))")
            return
        }
        for entry in errors where entry.library == ERR_LIB_SSL {
            if let known = Self.known(entry.reason, role: role) {
                self = known
                return
            }
        }
        guard let first = errors.first else {
            self.init(.fault, "OpenSSL gave no reason for the failure (code \(code))")
            return
        }
        self.init(.protocolViolation, "the TLS connection to the \(role.peer) failed: \(first.text)")
    }

    private static func known(_ reason: Int32, role: TLSRole) -> TLSError? {
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            TLSError(.noClientCertificate, "the client showed no certificate, and one is required")
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            TLSError(.notTLS, "the client spoke plain HTTP, not TLS")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_VERSION_TOO_LOW, SSL_R_UNKNOWN_PROTOCOL,
            SSL_R_INAPPROPRIATE_FALLBACK, SSL_R_NO_PROTOCOLS_AVAILABLE:
            TLSError(.versionMismatch, "the \(role.peer) speaks no TLS version that is allowed here")
        case SSL_R_NO_SHARED_CIPHER, SSL_R_WRONG_CIPHER_RETURNED, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SSL_R_NO_CIPHERS_AVAILABLE,
            SSL_R_UNKNOWN_CIPHER_RETURNED:
            TLSError(.cipherMismatch, "the \(role.peer) offers no cipher, group or signature algorithm that is allowed here")
        case SSL_R_NO_APPLICATION_PROTOCOL:
            TLSError(.protocolMismatch, "the \(role.peer) offers no application protocol (ALPN) that is spoken here")
        case SSL_R_EXCESSIVE_MESSAGE_SIZE:
            TLSError(.limitExceeded, "the \(role.peer) sent a handshake message that is too large")
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            TLSError(.truncated, "the \(role.peer) closed the connection without announcing the end of its data")
        case SSL_R_NO_RENEGOTIATION:
            TLSError(.renegotiation, "the \(role.peer) does not renegotiate")
        default: nil
        }
    }
}

/// Names and hints for alerts (RFC 8446 section 6).
enum AlertText {
    static func text(_ alert: UInt8) -> String {
        let hint: String? =
            switch alert {
            case 40: "it accepts none of our ciphers or certificates"
            case 42, 43, 46: "it does not accept our certificate"
            case 44: "our certificate is revoked"
            case 45: "our certificate has expired"
            case 48: "it does not trust the issuer of our certificate"
            case 70: "it speaks none of our TLS versions"
            case 112: "it does not know the server name that was asked for"
            case 116: "it requires a client certificate"
            case 120: "it speaks none of our application protocols"
            default: nil
            }
        let name = SSL_alert_desc_string_long(Int32(alert)).map { String(cString: $0) } ?? "unknown"
        return "alert \(alert) (\(name))" + (hint.map { ", \($0)" } ?? "")
    }
}

/// The first five bytes of the peer, to tell plain text from TLS (a record starts with its type, 20 to 23, and the byte 3).
struct FirstBytes {
    private var bytes: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
    private var count = 0

    mutating func append(_ more: UnsafeRawBufferPointer) {
        guard count < 5 else { return }
        for byte in more.prefix(5 - count) {
            withUnsafeMutableBytes(of: &bytes) { $0[count] = byte }
            count += 1
        }
    }

    /// Whether these are not the start of a TLS record.
    var isPlain: Bool {
        count > 0 && !(20...23).contains(bytes.0) || count > 1 && bytes.1 != 3
    }

    /// A status line or the start of a request line.
    var isHTTP: Bool {
        let text = withUnsafeBytes(of: bytes) { String(decoding: $0.prefix(count), as: UTF8.self) }
        if text == "HTTP/" { return true }
        let methods = ["GET ", "PUT ", "POST ", "HEAD ", "DELET", "PATCH", "OPTIO", "CONNE", "TRACE", "PRI *"]
        return methods.contains { text.hasPrefix($0) }
    }
}

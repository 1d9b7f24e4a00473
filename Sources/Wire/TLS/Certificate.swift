import COpenSSL
import Glibc

/// Owns one reference to an `X509`.
final class Certificate {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { X509_free(pointer) }
}

/// Owns one reference to an `X509_CRL`.
final class RevocationList {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { X509_CRL_free(pointer) }
}

/// Owns one reference to an `EVP_PKEY`.
final class PrivateKey {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { EVP_PKEY_free(pointer) }
}

/// What is read from a certificate. Pointers are borrowed.
enum CertificateFields {
    /// A distinguished name as RFC 2253 writes it, non-ASCII and control characters escaped: `CN=billing,O=Example`.
    static func text(ofName name: OpaquePointer?) -> String {
        guard let name else { return "" }
        return text { countersign_x509_name_print_rfc2253($0, name) }
    }

    static func subject(_ certificate: OpaquePointer) -> String { text(ofName: X509_get_subject_name(certificate)) }

    static func issuer(_ certificate: OpaquePointer) -> String { text(ofName: X509_get_issuer_name(certificate)) }

    /// For example `Nov 24 05:52:00 2026 GMT`.
    /// Since 1970; 0 where the time cannot be read.
    static func seconds(ofTime time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
        return Int64(timegm(&parts))
    }

    static func text(ofTime time: UnsafePointer<ASN1_TIME>?) -> String {
        guard let time else { return "an unreadable time" }
        return text { ASN1_TIME_print($0, time) }
    }

    /// Whether issuer and subject are the same name: a root, or a certificate that stands alone.
    static func isSelfIssued(_ certificate: OpaquePointer) -> Bool {
        X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0
    }

    /// The DNS and URI entries of the subject alternative name (RFC 5280 section 4.2.1.6), or nil when the extension is malformed,
    /// stands there twice, or has an entry with bytes outside printable ASCII. Such a byte (a NUL above all) would let two readers
    /// see two names.
    static func alternativeNames(_ certificate: OpaquePointer) -> (dns: [String], uris: [String])? {
        var critical: Int32 = 0
        guard let raw = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nil) else {
            ErrorQueue.clear()
            return critical == -1 ? ([], []) : nil
        }
        let names = OpaquePointer(raw)
        defer { GENERAL_NAMES_free(names) }
        var dns: [String] = []
        var uris: [String] = []
        for index in 0..<OPENSSL_sk_num(names) {
            guard let entry = OPENSSL_sk_value(names, index) else { return nil }
            let name = entry.assumingMemoryBound(to: GENERAL_NAME.self).pointee
            guard name.type == GEN_DNS || name.type == GEN_URI else { continue }
            guard let value = printable(name.d.ia5) else { return nil }
            if name.type == GEN_DNS { dns.append(value) } else { uris.append(value) }
        }
        return (dns, uris)
    }

    private static func printable(_ string: UnsafeMutablePointer<ASN1_IA5STRING>?) -> String? {
        guard let string, let bytes = ASN1_STRING_get0_data(string) else { return nil }
        let view = UnsafeBufferPointer(start: bytes, count: Int(ASN1_STRING_length(string)))
        guard !view.isEmpty, view.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        return String(decoding: view, as: UTF8.self)
    }

    private static func text(_ print: (OpaquePointer) -> Int32) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        guard print(bio) >= 0 else { return "" }
        var start: UnsafeMutablePointer<CChar>?
        let count = countersign_bio_contents(bio, &start)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: max(0, count)), as: UTF8.self)
    }
}

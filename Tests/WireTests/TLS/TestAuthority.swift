import Foundation
import Wire

/// Certificates made by `openssl` in a temporary directory, once for all tests.
struct TestAuthority: Sendable {
    static let shared: TestAuthority = {
        do { return try TestAuthority() } catch { fatalError("no test certificates: \(error)") }
    }()

    let directory: String

    func file(_ name: String) -> String { "\(directory)/\(name)" }
    func certificate(_ name: String) -> PEMSource { .file(file("\(name).crt")) }
    func key(_ name: String) -> PEMSource { .file(file("\(name).key")) }
    func pair(_ name: String) -> TLSCertificateKey { TLSCertificateKey(certificate: certificate(name), privateKey: key(name)) }

    private init() throws {
        directory = NSTemporaryDirectory() + "wire-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for authority in ["root", "other"] {
            try prepare(authority)
            try openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                "/CN=Test \(authority)",
                "-keyout", "\(authority).key", "-out", "\(authority).crt", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        }
        try prepare("middle")
        try issue("middle", by: "root", names: nil, extra: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        let all = "DNS:localhost,DNS:api.example.test,IP:127.0.0.1,IP:::1"
        try issue("server", by: "root", names: all)
        try issue("server-rsa", by: "root", names: "DNS:rsa.example.test", rsa: true)
        try issue("wildcard", by: "root", names: "DNS:*.wild.test")
        try issue("partial-wildcard", by: "root", names: "DNS:a*.wild.test")
        try issue("name-only", by: "root", names: nil, subject: "/CN=localhost")
        try issue("nul-name", by: "root", names: "DER:30:17:82:15:6c:6f:63:61:6c:68:6f:73:74:00:2e:65:76:69:6c:2e:65:78:61:6d:70")
        try issue("expired", by: "root", names: all, from: -20, until: -10)
        try issue("future", by: "root", names: all, from: 10, until: 20)
        try issue("under-middle", by: "middle", names: all)
        try issue("by-other", by: "other", names: all)
        try issue("with-aia", by: "root", names: all, extra: "authorityInfoAccess=caIssuers;URI:http://ca.example.test/ca.crt\n")
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=alone",
            "-keyout",
            "self-signed.key", "-out", "self-signed.crt", "-addext", "subjectAltName=\(all)")
        let clients = "extendedKeyUsage=clientAuth\n"
        let spiffe = "URI:spiffe://example.test/ns/a/sa/billing"
        try issue("client", by: "root", names: "DNS:billing.example.test,\(spiffe)", subject: "/O=Example/CN=billing", extra: clients)
        try issue("client-two", by: "root", names: "\(spiffe),URI:spiffe://example.test/b", extra: clients)
        try issue("client-nul", by: "root", names: "DER:30:0e:86:0c:73:70:69:66:66:65:3a:2f:2f:61:00:62", extra: clients)
        try issue("client-expired", by: "root", names: spiffe, extra: clients, from: -20, until: -10)
        try issue("client-future", by: "root", names: spiffe, extra: clients, from: 10, until: 20)
        try issue("client-revoked", by: "root", names: spiffe, extra: clients)
        try issue("client-server-use", by: "root", names: spiffe, extra: "extendedKeyUsage=serverAuth\n")
        try issue("client-other", by: "other", names: spiffe, extra: clients)
        try issue("client-middle", by: "middle", names: spiffe, extra: clients)
        try openssl("ca", "-config", "root.cnf", "-revoke", "client-revoked.crt")
        try openssl("ca", "-config", "root.cnf", "-gencrl", "-crldays", "30", "-out", "root.crl")
        try openssl("ca", "-config", "middle.cnf", "-gencrl", "-crldays", "30", "-out", "middle.crl")
        try openssl("ca", "-config", "other.cnf", "-gencrl", "-crldays", "30", "-out", "other.crl")
        try openssl(
            "ca", "-config", "root.cnf", "-gencrl", "-crl_lastupdate", stamp(-20), "-crl_nextupdate", stamp(-10), "-out", "old.crl")
        try openssl("pkey", "-in", "server.key", "-aes256", "-passout", "pass:secret", "-out", "encrypted.key")
        try join(["under-middle.crt", "middle.crt"], as: "full-chain.crt")
        try join(["under-middle.crt", "other.crt"], as: "gap-chain.crt")
        try join(["client-middle.crt", "middle.crt"], as: "client-chain.crt")
        try join(["root.crl", "middle.crl"], as: "both.crl")
        try Data("not a certificate\n".utf8).write(to: URL(fileURLWithPath: file("junk.crt")))
        try Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8).write(to: URL(fileURLWithPath: file("damaged.crt")))
    }

    private func prepare(_ authority: String) throws {
        try FileManager.default.createDirectory(atPath: file("\(authority).new"), withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: file("\(authority).db")))
        try Data("unique_subject = no\n".utf8).write(to: URL(fileURLWithPath: file("\(authority).db.attr")))
        let text = """
            [ca]
            default_ca = self
            [self]
            database = \(authority).db
            new_certs_dir = \(authority).new
            certificate = \(authority).crt
            private_key = \(authority).key
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            organizationName = optional
            commonName = optional
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: file("\(authority).cnf")))
    }

    private func issue(
        _ name: String, by authority: String, names: String?, subject: String? = nil, extra: String = "", rsa: Bool = false, from: Int = -1,
        until: Int = 20
    ) throws {
        let algorithm = rsa ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        try openssl(
            ["req", "-new", "-nodes", "-subj", subject ?? "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr", "-newkey"]
                + algorithm)
        let extensions =
            (names.map { "subjectAltName=\($0)\n" } ?? "") + extra + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: file("\(name).ext")))
        try openssl(
            "ca", "-batch", "-notext", "-config", "\(authority).cnf", "-in", "\(name).csr", "-out", "\(name).crt", "-extfile",
            "\(name).ext",
            "-startdate", stamp(from), "-enddate", stamp(until))
    }

    private func join(_ parts: [String], as name: String) throws {
        var whole = Data()
        for part in parts { whole.append(try Data(contentsOf: URL(fileURLWithPath: file(part)))) }
        try whole.write(to: URL(fileURLWithPath: file(name)))
    }

    private func stamp(_ days: Int) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMddHHmmss'Z'"
        return formatter.string(from: Date(timeIntervalSinceNow: Double(days) * 86400))
    }

    private func openssl(_ arguments: String...) throws { try openssl(arguments) }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardOutput = FileHandle.nullDevice
        let log = file("openssl.log")
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TLSError(
                .fault, "openssl \(arguments.joined(separator: " ")): \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        }
    }
}

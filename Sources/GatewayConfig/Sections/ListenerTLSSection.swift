/// What a PEM file must hold, by the labels of its blocks (RFC 7468).
private enum PEMContent {
    case certificate
    case privateKey
    case revocationList

    var marker: String {
        switch self {
        case .certificate: "CERTIFICATE-----"
        case .privateKey: "PRIVATE KEY-----"
        case .revocationList: "X509 CRL-----"
        }
    }

    var name: String {
        switch self {
        case .certificate: "certificate"
        case .privateKey: "private key"
        case .revocationList: "certificate revocation list"
        }
    }
}

extension Field {
    private static let pemFileLimit = 16_777_216

    func listenerTLS() -> ListenerTLSSettings? {
        guard let keys = object(ListenerTLSKey.self) else { return nil }
        let certificate = keys.required(.certificate, example: "\"tls.crt\"")?.pemFile(.certificate)
        let privateKey = keys.required(.privateKey, example: "\"tls.key\"")?.pemFile(.privateKey)
        let additional = keys[.additionalCertificates]?.elements(
            "write [{\"certificate\": ..., \"privateKey\": ...}], or leave the key out")
        let additionalIdentities = additional?.compactMap { $0.certificateFiles() }
        let clientCA = keys[.clientCA]?.pemFile(.certificate)
        let clientCertificate = keys[.clientCertificate]?.choice(ListenerTLSSettings.ClientCertificate.self)
        let crlFile = keys[.crlFile]?.pemFile(.revocationList)
        if keys[.clientCA] == nil {
            for key in [ListenerTLSKey.clientCertificate, .crlFile] {
                keys[key]?.fail("\"\(key.rawValue)\" says nothing without \"clientCA\"", "add \"clientCA\": \"clients.pem\", or remove it")
            }
        }
        guard let certificate, let privateKey else { return nil }
        return ListenerTLSSettings(
            identity: CertificateFiles(certificate: certificate, privateKey: privateKey), additionalIdentities: additionalIdentities ?? [],
            clientCA: clientCA, clientCertificate: clientCertificate ?? .required, crlFile: crlFile)
    }

    private func certificateFiles() -> CertificateFiles? {
        guard let keys = object(CertificateKey.self) else { return nil }
        let certificate = keys.required(.certificate, example: "\"tls.crt\"")?.pemFile(.certificate)
        let privateKey = keys.required(.privateKey, example: "\"tls.key\"")?.pemFile(.privateKey)
        guard let certificate, let privateKey else { return nil }
        return CertificateFiles(certificate: certificate, privateKey: privateKey)
    }

    /// The absolute path of a PEM file of trusted certificates.
    func certificateAuthorityFile() -> String? { pemFile(.certificate) }

    /// The absolute path of a PEM private key that nobody else can read.
    func privateKeyFile() -> String? { pemFile(.privateKey) }

    /// The absolute path of a PEM file that can be read and holds what it should; whether that is sound is for TLS to say.
    private func pemFile(_ wanted: PEMContent) -> String? {
        guard let path = filePath(), let content = contents(path, limit: Self.pemFileLimit) else { return nil }
        if wanted == .privateKey, context.isExposed(content, at: path) { failExposed(path, mode: content.mode) }
        let text = String(decoding: content.bytes, as: UTF8.self)
        guard text.contains("-----BEGIN "), text.contains(wanted.marker) else {
            fail("\(path) holds no PEM \(wanted.name)", "name a file with a line like \"-----BEGIN \(wanted.marker)\"")
            return nil
        }
        return path
    }
}

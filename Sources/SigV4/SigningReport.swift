/// A signed request as text for people.
public struct SigningReport {
    private let request: SignedRequest

    public init(_ request: SignedRequest) { self.request = request }

    /// One `Name: value` line for each field to send.
    public var fieldLines: [UInt8] {
        var lines: [UInt8] = []
        for field in request.fields {
            lines += Array("\(field.name): ".utf8) + CanonicalValue.trim(field.value) + [0x0A]
        }
        return lines
    }

    /// Every stage exactly as it was computed, byte for byte, but for the keys, which are never shown.
    public var explanation: [UInt8] {
        var report = SigningReport.section("Canonical request", request.canonicalRequest.bytes)
        report += SigningReport.section("String to sign", request.stringToSign.bytes)
        report += SigningReport.section("Signing key", Array(derivation.utf8))
        report += SigningReport.section("Signature", Array(request.signature.hex.utf8))
        return report
    }

    private var derivation: String {
        let scope = request.scope
        return """
            HMAC-SHA256 four times, starting from "AWS4" and the secret access key:
            \(scope.day)
            \(scope.region)
            \(scope.service)
            \(CredentialScope.termination)
            """
    }

    private static func section(_ title: String, _ content: [UInt8]) -> [UInt8] {
        Array("\(title)\n\(String(repeating: "-", count: title.utf8.count))\n".utf8) + content + [0x0A, 0x0A]
    }
}

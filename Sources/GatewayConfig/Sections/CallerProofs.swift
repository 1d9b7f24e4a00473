import GatewayCore

/// Proofs of who a caller is, alone or several together.
extension Field {
    /// `allOf`: at least two proofs of different kinds that one request can show.
    func requiredProofs() -> [RequiredProof] {
        guard let elements = elements("write for example [{\"spiffeId\": \"spiffe://...\"}, {\"tokenSha256\": \"...\"}]") else { return [] }
        if elements.count == 1 { fail("one proof alone needs no \"allOf\"", "write it beside the name, or add another") }
        var found: [RequiredProof] = []
        for element in elements {
            guard let proof = element.requiredProof() else { continue }
            if found.contains(where: { $0.proof == proof.proof }) {
                element.fail("this kind of proof stands here already", "remove one of the two: each kind stands once")
            }
            found.append(proof)
        }
        let isUnix = found.contains { $0.proof == .unixUser || $0.proof == .unixGroup }
        if isUnix, found.contains(where: { $0.proof == .network }) {
            fail("a peer comes from a network or by a unix socket, never both", "remove the networks, or the uid and gid")
        }
        return found
    }

    private func requiredProof() -> RequiredProof? {
        guard let keys = object(RequiredProofKey.self) else { return nil }
        // Each is read, so that every mistake in it is told.
        let present = RequiredProofKey.allCases.compactMap { key in keys[key].map { (key, $0) } }
        let proofs = present.map { key, field in field.requiredProof(key) }
        guard present.count == 1, let proof = proofs.first else {
            fail(
                present.isEmpty ? "there is no proof in this object" : "there are several proofs in this object",
                "write one of \(Shown.choices(RequiredProofKey.names)) into each object of \"allOf\"")
            return nil
        }
        return proof
    }

    private func requiredProof(_ key: RequiredProofKey) -> RequiredProof? {
        switch key {
        case .networks:
            let networks = networks { _, _ in }
            return networks.isEmpty ? nil : .networks(networks)
        case .unixUid: return unixID().map { .unixUser($0) }
        case .unixGid: return unixID().map { .unixGroup($0) }
        case .tokenSha256: return sha256().map { .token($0) }
        case .spiffeId: return spiffeID().map { .spiffeID($0) }
        case .dnsSan: return dnsName().map { .dnsName($0) }
        case .subject: return certificateSubject().map { .subject($0) }
        }
    }

    /// `each` is told of every network that is good, with its place.
    func networks(_ each: (Field, NetworkPrefix) -> Void) -> [NetworkPrefix] {
        (elements("write for example [\"10.1.0.0/16\"]") ?? []).compactMap { element in
            guard let network = element.network() else { return nil }
            each(element, network)
            return network
        }
    }

    /// A user or group id; the largest value means "none" (chown(2)).
    func unixID() -> UInt32? { integer(0...4_294_967_294).map { UInt32($0) } }

    /// A DNS name as certificates hold it (RFC 5280 section 4.2.1.6), compared in lower case. No wildcard: a caller is one.
    func dnsName() -> String? {
        parsed { text throws(ValueProblem) in
            let name = text.lowercased()
            let labels = name.split(separator: ".", omittingEmptySubsequences: false)
            guard name.utf8.count <= 253,
                labels.allSatisfy({ label in
                    (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { NameRule.isNameByte($0) && $0 != UInt8(ascii: ".") }
                })
            else { throw ValueProblem("is not a DNS name", "write the name in the certificate, for example \"billing.example.internal\"") }
            return name
        }
    }

    /// A distinguished name in the one form in which it is compared: RFC 2253, as OpenSSL prints it.
    func certificateSubject() -> String? {
        parsed { text throws(ValueProblem) in
            guard text.utf8.count <= 2_048, SubjectText.isCanonical(text) else {
                throw ValueProblem(
                    "is not a subject as RFC 2253 writes it, for example \"CN=billing,O=Example\"",
                    "write what this prints behind \"subject=\": openssl x509 -in client.pem -noout -subject -nameopt RFC2253")
            }
            return text
        }
    }

    private func network() -> NetworkPrefix? {
        parsed { text throws(ValueProblem) in
            do throws(NetworkPrefixError) {
                return try NetworkPrefix(cidr: text)
            } catch {
                throw Self.problem(error)
            }
        }
    }

    private static func problem(_ error: NetworkPrefixError) -> ValueProblem {
        switch error {
        case .notAnAddress: ValueProblem("is not a network", "write for example \"10.1.0.0/16\" or \"fd00::/8\"")
        case .lengthMissing(let single): ValueProblem("has no prefix length", "write \"\(single)\" for this one address")
        case .lengthOutOfRange(let maximum):
            ValueProblem("has no good prefix length", "write a number from 0 to \(maximum) after the slash")
        case .hostBitsSet(let network): ValueProblem("has bits set after its prefix", "write \"\(network)\"")
        }
    }

    /// Not shown: whoever writes the token itself here by mistake shall not find it in a log.
    func sha256() -> [UInt8]? {
        parsed(isHidden: true) { text throws(ValueProblem) in
            let digits = text.utf8.compactMap(ASCII.hexValue)
            guard text.utf8.count == 64, digits.count == 64 else {
                throw ValueProblem(
                    "is not a SHA-256 in hexadecimal", "write 64 hexadecimal digits: countersign hash-token makes them from a token")
            }
            return (0..<32).map { digits[2 * $0] << 4 | digits[2 * $0 + 1] }
        }
    }

    /// The SPIFFE-ID specification, section 2: trust domain of small letters, digits and `.-_`, then a path of plain segments.
    func spiffeID() -> String? {
        parsed { text throws(ValueProblem) in
            let problem = ValueProblem(
                "is not the SPIFFE ID of a workload", "write for example \"spiffe://example.internal/ns/telephony/sa/billing\"")
            guard text.hasPrefix("spiffe://"), text.utf8.count <= 2_048 else { throw problem }
            let parts = text.dropFirst(9).split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 2, let domain = parts.first, (1...255).contains(domain.utf8.count),
                domain.utf8.allSatisfy({ NameRule.isNameByte($0) && !(0x41...0x5A).contains($0) }),
                parts.dropFirst().allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.allSatisfy(NameRule.isNameByte) })
            else { throw problem }
            return text
        }
    }
}

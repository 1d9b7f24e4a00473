import GatewayCore

extension Field {
    func callers() -> [CallerRule]? {
        guard let elements = elements("write at least one caller, or leave the key out to serve this machine alone as \"local\"") else {
            return nil
        }
        var proofs: [String: String] = [:]
        var names: Set<String> = []
        return elements.compactMap { $0.caller(names: &names, proofs: &proofs) }
    }

    /// The names that an array of callers declares, for references; nil when it cannot be told.
    func callerNames() -> [String]? {
        guard case .array(let nodes) = node.value, !nodes.isEmpty else { return nil }
        var names: [String] = []
        for node in nodes {
            guard case .object(let members) = node.value, let member = members.first(where: { $0.key == CallerKey.name.rawValue }),
                case .string(let name) = member.node.value, !name.contains("${")
            else { return nil }
            names.append(name)
        }
        return names
    }

    /// `proofs` holds what has already proved a caller, by its place: one proof naming two callers could prove neither.
    private func caller(names: inout Set<String>, proofs: inout [String: String]) -> CallerRule? {
        guard let keys = object(CallerKey.self) else { return nil }
        let nameField = keys.required(.name, example: "\"billing\"")
        let name = nameField?.chosenName()
        if let name, !names.insert(name).inserted {
            nameField?.fail("the caller \"\(name)\" stands twice", "give each caller its own name")
        }
        var rule = CallerRule(name: name ?? "")
        if let field = keys[.networks] {
            for element in field.elements("write for example [\"10.1.0.0/16\"]") ?? [] {
                guard let network = element.network() else { continue }
                element.claim("network \(network)", &proofs)
                rule.networks.append(network)
            }
        }
        if let field = keys[.unixUid], let uid = field.integer(0...4_294_967_294) {
            field.claim("uid \(uid)", &proofs)
            rule.unixUserID = UInt32(uid)
        }
        if let field = keys[.unixGid], let gid = field.integer(0...4_294_967_294) {
            field.claim("gid \(gid)", &proofs)
            rule.unixGroupID = UInt32(gid)
        }
        if let field = keys[.tokenSha256], let digest = field.sha256() {
            field.claim("token \(digest)", &proofs)
            rule.tokenDigest = digest
        }
        if let field = keys[.spiffeId], let identity = field.spiffeID() {
            field.claim("SPIFFE ID \(identity)", &proofs)
            rule.spiffeID = identity
        }
        let proofKeys: [CallerKey] = [.networks, .unixUid, .unixGid, .tokenSha256, .spiffeId]
        if proofKeys.allSatisfy({ keys[$0] == nil }) {
            fail("this caller has no proof of who it is", "add one of \(Shown.choices(proofKeys.map(\.rawValue)))")
        }
        return name == nil ? nil : rule
    }

    private func claim(_ proof: String, _ proofs: inout [String: String]) {
        if let other = proofs[proof] {
            fail("\(other) is the same proof", "remove one of the two: a proof can name one caller only")
        } else {
            proofs[proof] = path
        }
    }

    private func chosenName() -> String? {
        guard let value = text() else { return nil }
        guard let problem = NameRule.problem(value.text) else { return value.text }
        fail(problem.problem, problem.remedy)
        return nil
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
    private func sha256() -> [UInt8]? {
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
    private func spiffeID() -> String? {
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

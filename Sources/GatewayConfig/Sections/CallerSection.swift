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
        if name == CallerTable.unrecognised {
            nameField?.fail("\"\(CallerTable.unrecognised)\" is what records call those whom nobody knows", "choose another name")
        }
        var rule = CallerRule(name: name ?? "")
        if let field = keys[.networks] { rule.networks = field.networks { $0.claim("network \($1)", &proofs) } }
        if let field = keys[.unixUid], let uid = field.unixID() {
            field.claim("uid \(uid)", &proofs)
            rule.unixUserID = uid
        }
        if let field = keys[.unixGid], let gid = field.unixID() {
            field.claim("gid \(gid)", &proofs)
            rule.unixGroupID = gid
        }
        if let field = keys[.tokenSha256], let digest = field.sha256() {
            field.claim("token \(digest)", &proofs)
            rule.tokenDigest = digest
        }
        if let field = keys[.spiffeId], let identity = field.spiffeID() {
            field.claim("SPIFFE ID \(identity)", &proofs)
            rule.spiffeID = identity
        }
        if let field = keys[.dnsSan], let name = field.dnsName() {
            field.claim("DNS name \(name)", &proofs)
            rule.dnsName = name
        }
        if let field = keys[.subject], let subject = field.certificateSubject() {
            field.claim("subject \(subject)", &proofs)
            rule.subject = subject
        }
        let proofKeys = CallerKey.allCases.filter { $0 != .name && $0 != .allOf }
        if let field = keys[.allOf] {
            if proofKeys.contains(where: { keys[$0] != nil }) {
                field.fail(
                    "\"allOf\" stands beside another proof, which alone would be enough", "put that proof into \"allOf\", or remove one")
            }
            rule.allOf = field.requiredProofs()
            if !rule.allOf.isEmpty { field.claim("set of proofs \(rule.allOf.map { "\($0)" }.sorted())", &proofs) }
        } else if proofKeys.allSatisfy({ keys[$0] == nil }) {
            fail("this caller has no proof of who it is", "add one of \(Shown.choices(proofKeys.map(\.rawValue))), or several in \"allOf\"")
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
}

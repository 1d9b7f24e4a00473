import GatewayCore

private enum SubjectStyle: String, CaseIterable {
    case plain, pseudonym, last4
}

extension Field {
    func audit() -> AuditRule? {
        guard let keys = object(AuditKey.self) else { return nil }
        let file = keys.required(.file, example: "{\"path\": \"audit.jsonl\"}")?.object(AuditFileKey.self)
        let path = file?.required(.path, example: "\"audit.jsonl\"")?.filePath()
        let sync = file?[.sync]?.choice(AuditSync.self)
        let ship = keys[.ship]?.shipDestinations()
        let mirrorPath = keys[.mirror]?.auditMirror(of: path)
        let rotation = keys[.rotate]?.auditRotation()
        let checkpoint = keys[.checkpoint]?.auditCheckpoint()
        let style = keys[.subject]?.choice(SubjectStyle.self)
        let key = keys[.subjectKey]?.secret(Self.checkSubjectKey)
        if style == .pseudonym {
            _ = keys.required(.subjectKey, example: "{\"file\": \"subject.key\"}")
        } else if style != nil || keys[.subject] == nil {
            keys[.subjectKey]?.fail("\"subjectKey\" is used for pseudonyms alone", "write \"subject\": \"pseudonym\", or remove the key")
        }
        let subject: AuditSubjectStyle
        switch style ?? .plain {
        case .plain: subject = .plain
        case .last4: subject = .last4
        case .pseudonym:
            guard let key else { return nil }
            subject = .pseudonym(key: key.bytes)
        }
        guard let path else { return nil }
        var rule = AuditRule(
            path: path, sync: sync ?? .always, subject: subject, mirrorPath: mirrorPath, rotation: rotation, checkpoint: checkpoint)
        rule.ship = ship ?? []
        return rule
    }

    /// Phone numbers are few enough to try all, so the key alone protects them: 128 bits at least (NIST SP 800-107 section 5.3.2).
    private static func checkSubjectKey(_ text: String) throws(ValueProblem) {
        guard text.utf8.count >= 16 else {
            throw ValueProblem(
                "is too short to protect phone numbers", "write at least 16 random bytes: openssl rand -hex 32 > subject.key")
        }
    }
}

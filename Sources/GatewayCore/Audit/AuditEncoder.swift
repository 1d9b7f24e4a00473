import Digests

/// `AuditSubjectStyle` made ready for work: the key is in an HMAC context.
enum AuditSubjectForm {
    case plain
    case pseudonym(HMACContext)
    case last4
}

/// Writes the body of a record: everything between `seq` and `prev`, which only the one writer can know.
///
/// Not `Sendable` (it may hold an HMAC context): one for each event loop.
public struct AuditEncoder {
    private let instanceMember: [UInt8]
    private let form: AuditSubjectForm

    /// - Parameter instance: names this process among many; a host name, say.
    public init(instance: String, style: AuditSubjectStyle) throws(DigestError) {
        var member: [UInt8] = []
        JSONCursor.append(to: &member, expecting: 32 + instance.utf8.count) { cursor in
            cursor.raw(",\"instance\":")
            cursor.string(Array(instance.utf8))
        }
        instanceMember = member
        switch style {
        case .plain: form = .plain
        case .last4: form = .last4
        case .pseudonym(let key): form = .pseudonym(try HMACContext(key: key))
        }
    }

    /// Appends `,"time":…` up to and including the last member before `prev`. Nothing is allocated where `bytes` has room for about
    /// 1 KiB more. The result is well-formed JSON whatever bytes `entry` holds.
    public func encode(_ entry: borrowing AuditEntry, into bytes: inout [UInt8]) {
        let estimate = 768 + entry.target.count + entry.subject.count + entry.upstreamRequestID.count
        // A copy of the references alone would still count them, so the closure borrows the entry.
        withUnsafePointer(to: entry) { pointer in
            JSONCursor.append(to: &bytes, expecting: estimate) { write(pointer, into: &$0) }
        }
    }

    private func write(_ entry: UnsafePointer<AuditEntry>, into cursor: inout JSONCursor) {
        cursor.raw(",\"time\":")
        cursor.time(milliseconds: entry.pointee.timeMilliseconds)
        cursor.raw(",\"stage\":\"")
        cursor.raw(entry.pointee.stage.name)
        cursor.raw("\",\"id\":")
        cursor.string(entry.pointee.id)
        cursor.raw(instanceMember)
        writeRequest(entry, into: &cursor)
        writeDecision(entry, into: &cursor)
        switch entry.pointee.stage {
        case .intent: break
        case .outcome, .refusal: writeEnd(entry, into: &cursor)
        case .admin: if let admin = entry.pointee.admin { cursor.raw(admin.member) }
        }
    }

    private func writeRequest(_ entry: UnsafePointer<AuditEntry>, into cursor: inout JSONCursor) {
        cursor.raw(",\"caller\":")
        if let caller = entry.pointee.caller { cursor.raw(caller.json) } else { cursor.raw("null") }
        text(",\"source\":", entry.pointee.source, &cursor)
        text(",\"method\":", entry.pointee.method, &cursor)
        if case .plain = form {
            text(",\"target\":", entry.pointee.target, &cursor)
        } else if let operation = entry.pointee.operation {
            cursor.raw(operation.templateMember)
        } else if !entry.pointee.target.isEmpty {
            cursor.raw(",\"target\":")
            cursor.maskedTarget(entry.pointee.target)
        }
        if let operation = entry.pointee.operation {
            cursor.raw(operation.operationMember)
            writeSubject(entry, operation, &cursor)
            cursor.raw(operation.upstreamMembers)
        } else {
            cursor.raw(",\"operation\":null,\"subject\":null")
        }
        text(",\"accessKeyId\":", entry.pointee.accessKeyID, &cursor)
    }

    private func writeSubject(_ entry: UnsafePointer<AuditEntry>, _ operation: AuditOperation, _ cursor: inout JSONCursor) {
        guard !entry.pointee.subject.isEmpty, let name = operation.subjectNames.first else {
            cursor.raw(",\"subject\":null")
            return
        }
        cursor.raw(",\"subject\":{")
        cursor.raw(name)
        cursor.subject(entry.pointee.subject, style: form)
        if !entry.pointee.furtherSubjects.isEmpty {
            for (name, value) in zip(operation.subjectNames.dropFirst(), entry.pointee.furtherSubjects) {
                cursor.raw(",")
                cursor.raw(name)
                cursor.subject(value, style: form)
            }
        }
        cursor.raw("}")
    }

    private func writeDecision(_ entry: UnsafePointer<AuditEntry>, into cursor: inout JSONCursor) {
        cursor.raw(entry.pointee.stage == .refusal ? ",\"decision\":{\"verdict\":\"refused\"" : ",\"decision\":{\"verdict\":\"allowed\"")
        if let state = entry.pointee.state { cursor.raw(state.members) }
        text(",\"reason\":", entry.pointee.reason, &cursor)
        text(",\"mode\":\"report\",\"wouldRefuse\":", entry.pointee.wouldRefuse, &cursor)
        if let operation = entry.pointee.operation { cursor.raw(operation.limitsMember) }
        cursor.raw(entry.pointee.configuration)
        cursor.raw(",\"waitMs\":")
        cursor.integer(entry.pointee.waitMilliseconds)
        cursor.raw("}")
    }

    private func writeEnd(_ entry: UnsafePointer<AuditEntry>, into cursor: inout JSONCursor) {
        if entry.pointee.status != 0 {
            cursor.raw(",\"status\":")
            cursor.integer(Int64(entry.pointee.status))
        } else {
            cursor.raw(",\"status\":null")
        }
        if let origin = entry.pointee.origin {
            cursor.raw(",\"origin\":\"")
            cursor.raw(origin.name)
            cursor.raw("\"")
        }
        text(",\"errorType\":", entry.pointee.errorType, &cursor)
        text(",\"upstreamRequestId\":", entry.pointee.upstreamRequestID, &cursor)
        if entry.pointee.stage == .outcome {
            cursor.raw(",\"attempts\":")
            cursor.integer(Int64(entry.pointee.attempts))
        }
        cursor.raw(",\"durationMs\":")
        cursor.milliseconds(fromMicroseconds: entry.pointee.durationMicroseconds)
        if entry.pointee.stage == .outcome, entry.pointee.state == .answered, entry.pointee.status == 204,
            entry.pointee.operation?.isPhoneNumberDeletion == true
        {
            // The Deletion queue holds a number for 7 days (Amazon Chime API reference, DeletePhoneNumber).
            cursor.raw(",\"restorableUntil\":")
            cursor.time(milliseconds: entry.pointee.timeMilliseconds + 7 * 86_400_000)
        }
    }

    private func text(_ member: StaticString, _ value: [UInt8], _ cursor: inout JSONCursor) {
        guard !value.isEmpty else { return }
        cursor.raw(member)
        cursor.string(value)
    }

    private func text(_ member: StaticString, _ value: ArraySlice<UInt8>, _ cursor: inout JSONCursor) {
        guard !value.isEmpty else { return }
        cursor.raw(member)
        cursor.string(value)
    }
}

/// Which kind of record a line is.
public enum AuditStage: UInt8, Sendable, CaseIterable {
    /// Allowed, about to be sent. On disk first, with `sync: always`.
    case intent
    /// What became of an intent. Each intent gets exactly one, unless the process dies between the two.
    case outcome
    /// Not allowed; nothing was sent and nothing was consumed.
    case refusal
    /// An operator's command that changed what the gateway does.
    case admin

    public var name: StaticString {
        switch self {
        case .intent: "intent"
        case .outcome: "outcome"
        case .refusal: "refusal"
        case .admin: "admin"
        }
    }
}

/// An operator's command as records show it. A class, so that an entry holds it by one reference.
public final class AuditAdminAction: Sendable {
    /// `,"admin":{"action":"freeze","by":"alice","reason":"wrong list"}`
    let member: [UInt8]

    /// - Parameters:
    ///   - by: the name that the operator gave; proved is only that they had the token.
    ///   - reason: in the operator's words.
    public init(action: String, by: String, reason: String) {
        var member: [UInt8] = []
        JSONCursor.append(to: &member, expecting: 96 + by.utf8.count + reason.utf8.count) { cursor in
            cursor.raw(",\"admin\":{\"action\":")
            cursor.string(Array(action.utf8))
            cursor.raw(",\"by\":")
            cursor.string(Array(by.utf8))
            cursor.raw(",\"reason\":")
            cursor.string(Array(reason.utf8))
            cursor.raw("}")
        }
        self.member = member
    }
}

/// How an exchange ended after its intent was recorded.
public enum AuditState: UInt8, Sendable, CaseIterable {
    /// The upstream answered; `status` is its status, or the gateway's where the answer was a refusal of the signature's time.
    case answered
    /// Refused after the intent (no valid credentials, drain): nothing was sent, or only attempts that the upstream had turned down.
    /// `reason` says why.
    case refusedLate
    /// The caller hung up before anything was sent.
    case callerGone
    /// The upstream could not be reached, so nothing was sent.
    case notSent
    /// Sent; the upstream closed or reset the connection before its answer was complete.
    case unknownUpstreamClosed
    /// Sent; no answer within the response timeout.
    case unknownTimeout
    /// Sent; the caller hung up and the answer was not awaited.
    case unknownCallerGone
    /// Sent; the gateway ended its drain before the answer came.
    case unknownShutdown

    /// The members `state` and `cause` of `decision`.
    var members: StaticString {
        switch self {
        case .answered: ",\"state\":\"answered\""
        case .refusedLate: ",\"state\":\"refused-late\""
        case .callerGone: ",\"state\":\"caller gone\""
        case .notSent: ",\"state\":\"notSent\""
        case .unknownUpstreamClosed: ",\"state\":\"unknown: sent, no answer\",\"cause\":\"upstream closed\""
        case .unknownTimeout: ",\"state\":\"unknown: sent, no answer\",\"cause\":\"timeout\""
        case .unknownCallerGone: ",\"state\":\"unknown: sent, no answer\",\"cause\":\"caller gone\""
        case .unknownShutdown: ",\"state\":\"unknown: sent, no answer\",\"cause\":\"shutdown\""
        }
    }
}

/// Who wrote the answer that the caller got.
public enum AuditOrigin: UInt8, Sendable, CaseIterable {
    case upstream
    case gateway

    public var name: StaticString {
        switch self {
        case .upstream: "upstream"
        case .gateway: "gateway"
        }
    }
}

/// A caller as records show it, prepared once for each caller and kind of proof.
public struct AuditCaller: Sendable, Equatable {
    /// `{"name":"billing","proof":"token"}`
    let json: [UInt8]

    /// `proof` names the kind of proof (`token`, `network`, `unix`, `certificate`), never the proof itself.
    public init(name: String, proof: String) {
        var json: [UInt8] = []
        JSONCursor.append(to: &json, expecting: 64 + name.utf8.count + proof.utf8.count) { cursor in
            cursor.raw("{\"name\":")
            cursor.string(Array(name.utf8))
            cursor.raw(",\"proof\":")
            cursor.string(Array(proof.utf8))
            cursor.raw("}")
        }
        self.json = json
    }
}

/// A route as records show it, prepared once when the configuration is taken. A class, so that a request holds it by one reference.
public final class AuditOperation: Sendable {
    public let name: String
    /// Whether a 204 of this operation can be undone for seven days (Amazon Chime API, `DeletePhoneNumber`).
    public let isPhoneNumberDeletion: Bool
    let operationMember: [UInt8]
    let templateMember: [UInt8]
    /// `"phoneNumberId":` and so on, in the order of the template.
    let subjectNames: [[UInt8]]
    /// `,"upstream":"chime","region":"us-east-1"`
    let upstreamMembers: [UInt8]
    /// `,"limits":["account"]`, or nothing.
    let limitsMember: [UInt8]

    /// - Parameters:
    ///   - template: the route's path as configured; stands for the target where numbers are masked.
    ///   - parameters: the names of its parameters, in the order of the template.
    ///   - limits: the names of its limits, in the order configured.
    public init(name: String, template: String, parameters: [String], upstream: String, region: String, limits: [String]) {
        self.name = name
        isPhoneNumberDeletion = name == "DeletePhoneNumber"
        operationMember = AuditOperation.json { cursor in
            cursor.raw(",\"operation\":")
            cursor.string(Array(name.utf8))
        }
        templateMember = AuditOperation.json { cursor in
            cursor.raw(",\"target\":")
            cursor.string(Array(template.utf8))
        }
        subjectNames = parameters.map { parameter in
            AuditOperation.json { cursor in
                cursor.string(Array(parameter.utf8))
                cursor.raw(":")
            }
        }
        upstreamMembers = AuditOperation.json { cursor in
            cursor.raw(",\"upstream\":")
            cursor.string(Array(upstream.utf8))
            cursor.raw(",\"region\":")
            cursor.string(Array(region.utf8))
        }
        limitsMember =
            limits.isEmpty
            ? []
            : AuditOperation.json { cursor in
                cursor.raw(",\"limits\":[")
                for (index, limit) in limits.enumerated() {
                    if index > 0 { cursor.raw(",") }
                    cursor.string(Array(limit.utf8))
                }
                cursor.raw("]")
            }
    }

    private static func json(_ write: (inout JSONCursor) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONCursor.append(to: &bytes, expecting: 256, write)
        return bytes
    }
}

/// All that one record says, as the exchange knows it. Fill it once when the request is admitted, write the intent, then set the
/// members of the end and write the outcome from the same value. Byte members are taken as they are (any bytes); empty ones are
/// left out of the record, and nothing is copied until it is encoded.
public struct AuditEntry: Sendable {
    public var stage: AuditStage
    /// Since 1970-01-01T00:00:00Z.
    public var timeMilliseconds: Int64
    /// The `countersign-id` of the exchange.
    public var id: ArraySlice<UInt8>
    /// Nil where the caller is not known (401).
    public var caller: AuditCaller?
    /// `192.0.2.1:4711`, `[2001:db8::1]:4711` or `unix:uid=1001`.
    public var source: [UInt8]
    public var method: ArraySlice<UInt8>
    /// The request-target as sent, or as normalised where it could be.
    public var target: ArraySlice<UInt8>
    /// Nil where no route matched.
    public var operation: AuditOperation?
    /// The decoded value of the route's first parameter; empty where there is none or it is not lawful.
    public var subject: ArraySlice<UInt8>
    /// The values of the parameters after the first.
    public var furtherSubjects: [ArraySlice<UInt8>]
    public var accessKeyID: [UInt8]
    /// The configuration under which it was decided: what `AuditEntry.configurationMember` made; empty where that is not known.
    public var configuration: [UInt8]
    /// As in `countersign-reason`: `limit/account`. For refusals and late refusals.
    public var reason: [UInt8]
    /// The reason for which the policy would have refused it; where it is only reported.
    public var wouldRefuse: [UInt8]
    /// How long the request waited for its limits.
    public var waitMilliseconds: Int64
    /// Outcomes only.
    public var state: AuditState?
    /// What the caller was answered, 100 to 999; 0 where nothing was.
    public var status: Int
    public var origin: AuditOrigin?
    /// The error class in the service's words (`ThrottledClientException`); on every refusal.
    public var errorType: ArraySlice<UInt8>
    public var upstreamRequestID: ArraySlice<UInt8>
    /// How often the request was sent. Outcomes only.
    public var attempts: Int
    /// From the complete request head to the end of the answer. Outcomes and refusals.
    public var durationMicroseconds: Int64
    /// On a record of the stage `admin`, and on no other.
    public var admin: AuditAdminAction?

    public init(stage: AuditStage, timeMilliseconds: Int64, id: ArraySlice<UInt8>) {
        self.stage = stage
        self.timeMilliseconds = timeMilliseconds
        self.id = id
        source = []
        method = []
        target = []
        subject = []
        furtherSubjects = []
        accessKeyID = []
        configuration = []
        reason = []
        wouldRefuse = []
        waitMilliseconds = 0
        status = 0
        errorType = []
        upstreamRequestID = []
        attempts = 0
        durationMicroseconds = 0
    }
}

extension AuditEntry {
    /// `,"configuration":"9f86d081884c7d65"`, prepared once when a configuration is taken; nothing for an empty digest.
    public static func configurationMember(_ digest: String) -> [UInt8] {
        guard !digest.isEmpty else { return [] }
        var bytes: [UInt8] = []
        JSONCursor.append(to: &bytes, expecting: 64) { cursor in
            cursor.raw(",\"configuration\":")
            cursor.string(Array(digest.utf8))
        }
        return bytes
    }
}

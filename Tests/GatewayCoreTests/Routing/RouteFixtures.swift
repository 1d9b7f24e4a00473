import Digests
import Testing

@testable import GatewayCore

enum Fixture {
    static let deletePhoneNumber = RouteRule(
        operation: "DeletePhoneNumber", method: "DELETE", template: "/phone-numbers/{phoneNumberId}",
        segments: [.literal("phone-numbers"), .parameter("phoneNumberId")], upstream: "chime",
        parameters: [ParameterRule(name: "phoneNumberId", format: .e164, deny: ["+12065550199"])])
    static let updateUser = RouteRule(
        operation: "UpdateUser", method: "POST", template: "/accounts/{accountId}/users/{userId}",
        segments: [.literal("accounts"), .parameter("accountId"), .literal("users"), .parameter("userId")], upstream: "chime",
        parameters: [ParameterRule(name: "userId", format: .any)], allowsBody: true)
    static let listPhoneNumbers = RouteRule(
        operation: "ListPhoneNumbers", method: "GET", template: "/phone-numbers", segments: [.literal("phone-numbers")], upstream: "chime",
        allowsQuery: true)
    static let root = RouteRule(operation: "Root", method: "GET", template: "/", segments: [.literal("")], upstream: "chime")

    static let table = RouteTable(rules: [deletePhoneNumber, updateUser, listPhoneNumbers])

    /// A caller that every test may use.
    static func identified(_ callers: CallerTable = CallerTable(rules: nil)) throws -> IdentifiedRequest {
        guard case .granted(let identified) = callers.identify(requestHead("/"), from: unixPeer(1001, 1001), sha256: try SHA256Context())
        else {
            throw Unexpected()
        }
        return identified
    }

    static func match(_ head: RequestHead, in table: RouteTable = table) throws -> Matching { table.match(head, try identified()) }

    struct Unexpected: Error {}
}

extension Matching {
    var matched: MatchedRequest? { if case .granted(let matched) = self { matched } else { nil } }
    var refusal: Refusal? { if case .refused(let unmatched) = self { unmatched.refusal } else { nil } }
    /// The route of a refusal.
    var routeOfRefusal: Int? { if case .refused(let unmatched) = self { unmatched.route } else { nil } }
}

extension Array where Element == UInt8 {
    var text: String { String(decoding: self, as: UTF8.self) }
}

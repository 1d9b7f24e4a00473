import Digests
import Testing

@testable import GatewayCore

@Suite("Who may do what")
struct AuthorizerTests {
    static func callers() -> CallerTable {
        CallerTable(rules: [CallerRule(name: "other", unixUserID: 9), CallerRule(name: "lifecycle", unixUserID: 1001)])
    }

    /// nil when it is allowed, else the reason.
    static func authorize(_ rule: RouteRule, _ target: String, method: String = "DELETE", userID: UInt32 = 1001) throws -> String? {
        let callers = callers()
        let routes = RouteTable(rules: [Fixture.listPhoneNumbers, rule])
        let head = requestHead(method, target)
        guard case .granted(let identified) = callers.identify(head, from: unixPeer(userID, 0), sha256: try SHA256Context()) else {
            throw Fixture.Unexpected()
        }
        let matched = try #require(routes.match(head, identified).matched)
        switch Authorizer(routes: routes, callers: callers).authorize(matched, in: routes) {
        case .granted(let authorized):
            #expect(authorized.matched.wirePath == matched.wirePath)
            return nil
        case .refused(let refusal):
            #expect(refusal.kind == .forbidden)
            #expect(!refusal.message.contains("2065550199"))
            return refusal.reason
        }
    }

    @Test(
        "By the route's list of callers",
        arguments: [
            (nil, nil), (["*"], nil), (["lifecycle"], nil), (["other", "lifecycle"], nil), (["other", "*"], nil),
            (["other"], "caller/not-allowed"),
            ([], "caller/not-allowed"), (["Lifecycle"], "caller/not-allowed"), (["nobody"], "caller/not-allowed"),
        ] as [([String]?, String?)])
    func list(callers: [String]?, reason: String?) throws {
        var rule = Fixture.deletePhoneNumber
        rule.callers = callers
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550100") == reason)
    }

    @Test(
        "A protected number is refused in every spelling, and only it",
        arguments: [
            ("+12065550199", "id/protected"), ("%2B12065550199", "id/protected"), ("%2b1206555019%39", "id/protected"),
            ("+12065550198", nil),
            ("+120655501990", nil), ("+1206555019", nil),
        ])
    func protected(id: String, reason: String?) throws {
        #expect(try Self.authorize(Fixture.deletePhoneNumber, "/phone-numbers/\(id)") == reason)
    }

    @Test("Whoever may not use the operation is not told which numbers are protected")
    func notToldOfNumbers() throws {
        var rule = Fixture.deletePhoneNumber
        rule.callers = ["other"]
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550199") == "caller/not-allowed")
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550199", userID: 9) == "id/protected")
    }

    @Test(
        "Each parameter has its own list",
        arguments: [("a", "b", nil), ("x", "b", nil), ("a", "x", "id/protected"), ("y", "b", "id/protected")])
    func severalParameters(account: String, user: String, reason: String?) throws {
        var rule = Fixture.updateUser
        // In another order than the template names them.
        rule.parameters = [ParameterRule(name: "userId", deny: ["x"]), ParameterRule(name: "accountId", deny: ["y"])]
        #expect(try Self.authorize(rule, "/accounts/\(account)/users/\(user)", method: "POST") == reason)
    }

    @Test("Protected numbers stay out of descriptions")
    func descriptions() {
        var text = "\(Fixture.deletePhoneNumber) \(Fixture.deletePhoneNumber.parameters)"
        dump(Fixture.deletePhoneNumber, to: &text)
        dump(RouteTable(rules: [Fixture.deletePhoneNumber]).routes[0].rule, to: &text)
        #expect(!text.contains("2065550199"))
    }
}

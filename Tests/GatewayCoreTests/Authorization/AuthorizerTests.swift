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
        switch Authorizer(routes: routes, callers: callers).authorize(matched) {
        case .granted(let authorized):
            #expect(authorized.matched.wirePath == matched.wirePath)
            return nil
        case .reported(let authorized, let refusal):
            #expect(authorized.matched.wirePath == matched.wirePath)
            return "reported \(refusal.reason)"
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

    @Test(
        "By what a caller may name",
        arguments: [
            (["+1206"], [], [], "+12065550100", nil), (["+1206"], [], [], "+13035550100", "id/not-permitted"),
            (["+44", "+1206"], [], [], "+12065550100", nil), ([], [], ["+12065550100"], "+12065550100", "id/not-permitted"),
            ([], [], ["+12065550100"], "+12065550101", nil), (["+1206"], [], ["+12065550100"], "+12065550100", "id/not-permitted"),
            ([], ["+44"], [], "+12065550100", "id/not-permitted"), (["+1206"], ["+1"], [], "+12065550100", nil),
            // Protected for everybody, whatever a caller may name.
            (["+1206"], [], [], "+12065550199", "id/protected"), (["+44"], [], [], "+12065550199", "id/not-permitted"),
        ] as [([String], [String], [String], String, String?)], [PolicyMode.enforce, .report])
    func conditions(_ row: (callers: [String], routes: [String], denied: [String], id: String, reason: String?), mode: PolicyMode) throws {
        var rule = Fixture.deletePhoneNumber
        rule.mode = mode
        rule.parameters[0].allowPrefix = row.routes
        rule.callerConditions = [
            RouteCallerRule(name: "other", parameters: [ParameterRule(name: "phoneNumberId", allowPrefix: ["+999"])]),
            RouteCallerRule(
                name: "lifecycle", parameters: [ParameterRule(name: "phoneNumberId", deny: row.denied, allowPrefix: row.callers)]),
        ]
        var expected = row.reason
        if mode == .report, let reason = row.reason {
            // What is protected stays so while a policy is tried out.
            expected = row.id == "+12065550199" ? "id/protected" : "reported \(reason)"
        }
        #expect(try Self.authorize(rule, "/phone-numbers/\(row.id)") == expected)
        // Somebody else's conditions are not this caller's, and one without conditions has none.
        rule.callerConditions.removeLast()
        rule.parameters[0].allowPrefix = []
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550100") == nil)
    }

    @Test("A reported policy lets through whom it does not allow, and whom nobody knows, and says why")
    func reported() throws {
        var rule = Fixture.deletePhoneNumber
        rule.callers = ["other"]
        rule.mode = .report
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550100") == "reported caller/not-allowed")
        #expect(try Self.authorize(rule, "/phone-numbers/+12065550199") == "id/protected")
        let callers = CallerTable(rules: [CallerRule(name: "other", unixUserID: 9)], reportsUnknown: true)
        for (mode, expected) in [(PolicyMode.report, "reported caller/unknown"), (.enforce, "caller/unknown")] {
            rule.mode = mode
            let routes = RouteTable(rules: [rule])
            let head = requestHead("DELETE", "/phone-numbers/+12065550100")
            guard case .granted(let identified) = callers.identify(head, from: unixPeer(1001, 0), sha256: try SHA256Context()) else {
                throw Fixture.Unexpected()
            }
            let matched = try #require(routes.match(head, identified).matched)
            switch Authorizer(routes: routes, callers: callers).authorize(matched) {
            case .granted: Issue.record("granted to somebody unknown")
            case .refused(let refusal): #expect(refusal.reason == expected && refusal.kind == .unauthorized)
            case .reported(_, let refusal): #expect("reported \(refusal.reason)" == expected)
            }
        }
    }
}

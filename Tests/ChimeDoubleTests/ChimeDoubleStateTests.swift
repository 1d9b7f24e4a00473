import Testing

@testable import ChimeDouble

struct ChimeDoubleStateTests {
    private static let day: Int64 = 86_400_000

    private static func unsigned(_ change: (inout ChimeDoubleOptions) -> Void = { _ in }) -> ChimeDoubleState {
        var options = ChimeDoubleOptions()
        options.verifiesSignatures = false
        change(&options)
        return ChimeDoubleState(options: options)
    }

    private static func request(_ method: String, _ target: String) -> ReceivedRequest {
        ReceivedRequest(method: method, target: target, headers: [])
    }

    struct Exchange: Sendable {
        var method: String
        var target: String
        var status: Int
        var errorType: String?
        var bodyHas = ""
    }

    @Test(arguments: [
        Exchange(method: "DELETE", target: "/phone-numbers/%2B12065550100", status: 204),
        Exchange(method: "DELETE", target: "/phone-numbers/+12065550100", status: 204),
        Exchange(method: "DELETE", target: "/phone-numbers/%252B12065550100", status: 204),
        Exchange(method: "DELETE", target: "/phone-numbers/%2B12065550999", status: 404, errorType: "NotFoundException"),
        Exchange(
            method: "DELETE", target: "/phone-numbers/%2B12065550150", status: 400, errorType: "BadRequestException",
            bodyHas: #""Code":"PhoneNumberAssociationsExist""#),
        Exchange(method: "DELETE", target: "/phone-numbers/12065550100", status: 400, errorType: "BadRequestException"),
        Exchange(method: "DELETE", target: "/phone-numbers/", status: 400, errorType: "BadRequestException"),
        Exchange(method: "DELETE", target: "/phone-numbers/%2B012065550100", status: 400, errorType: "BadRequestException"),
        Exchange(method: "DELETE", target: "/phone-numbers", status: 404, errorType: "UnknownOperationException"),
        Exchange(method: "DELETE", target: "/phone-numbers/%2B12065550100?x=y", status: 404, errorType: "UnknownOperationException"),
        Exchange(method: "PUT", target: "/phone-numbers/%2B12065550100", status: 404, errorType: "UnknownOperationException"),
        Exchange(method: "GET", target: "/", status: 404, errorType: "UnknownOperationException"),
        Exchange(
            method: "GET", target: "/phone-numbers/%2B12065550100", status: 200,
            bodyHas: #""PhoneNumberId":"%2B12065550100","E164PhoneNumber":"+12065550100""#),
        Exchange(method: "GET", target: "/phone-numbers?status=Assigned", status: 200, bodyHas: "+12065550150"),
        Exchange(method: "GET", target: "/phone-numbers?status=DeleteInProgress", status: 200, bodyHas: #"{"PhoneNumbers":[]}"#),
        Exchange(method: "GET", target: "/phone-numbers?status=Deleted", status: 400, errorType: "BadRequestException"),
        Exchange(method: "GET", target: "/phone-numbers?max-results=100", status: 400, errorType: "BadRequestException"),
        Exchange(method: "GET", target: "/phone-numbers?max-results=1", status: 200, bodyHas: #""NextToken":"+12065550100""#),
        Exchange(
            method: "GET", target: "/phone-numbers?max-results=1&next-token=%2B12065550198", status: 200,
            bodyHas: #""E164PhoneNumber":"+12065550199""#),
        Exchange(
            method: "POST", target: "/phone-numbers/%2B12065550100?operation=restore", status: 400, errorType: "BadRequestException"),
        Exchange(method: "POST", target: "/phone-numbers/%2B12065550100", status: 404, errorType: "UnknownOperationException"),
    ])
    func answers(_ exchange: Exchange) {
        var state = Self.unsigned()
        let response = state.answer(Self.request(exchange.method, exchange.target), now: 0).response
        #expect(response.status == exchange.status)
        #expect(response.errorType == exchange.errorType)
        #expect(exchange.bodyHas.isEmpty || response.body.contains(exchange.bodyHas))
        #expect((response.status == 204) == response.body.isEmpty)
    }

    @Test(arguments: SpecialNumber.all)
    func specialNumbersAnswerTheirError(_ special: SpecialNumber) {
        var state = Self.unsigned()
        let path = "/phone-numbers/%2B\(special.number.dropFirst())"
        for (method, target) in [("DELETE", path), ("GET", path), ("POST", path + "?operation=restore")] {
            let response = state.answer(Self.request(method, target), now: 0).response
            #expect(response.status == special.status)
            #expect(response.errorType == special.exception)
            #expect(special.number.hasSuffix(String(special.status)))
        }
    }

    @Test func everyErrorOfTheAPIHasANumber() {
        #expect(
            SpecialNumber.all.map(\.exception) == [
                "BadRequestException", "UnauthorizedClientException", "ForbiddenException", "NotFoundException", "ThrottledClientException",
                "ServiceFailureException", "ServiceUnavailableException",
            ])
    }

    @Test func deletedNumbersStaySevenDaysInTheQueue() {
        var state = Self.unsigned()
        let path = "/phone-numbers/%2B12065550100"
        func status(_ method: String, _ target: String, _ now: Int64) -> Int {
            state.answer(Self.request(method, target), now: now).response.status
        }
        let deletion = SignedExample.noon
        #expect(status("DELETE", path, deletion) == 204)
        let shown = state.answer(Self.request("GET", path), now: deletion + 1).response.body
        #expect(shown.contains(#""Status":"DeleteInProgress""#))
        #expect(shown.contains(#""DeletionTimestamp":"2026-11-24T12:00:00.000Z""#))
        #expect(shown.contains(#""RestorableUntil":"2026-12-01T12:00:00.000Z""#))

        // A repeated call changes nothing, the day included.
        #expect(status("DELETE", path, deletion + Self.day) == 204)
        #expect(state.inventory(now: deletion + Self.day).first?.restorableUntil == deletion + 7 * Self.day)

        #expect(status("POST", path + "?operation=restore", deletion + 7 * Self.day - 1) == 200)
        #expect(state.inventory(now: deletion + 8 * Self.day).first?.status == .unassigned)

        #expect(status("DELETE", path, deletion + 8 * Self.day) == 204)
        let gone = deletion + 15 * Self.day
        #expect(status("POST", path + "?operation=restore", gone) == 404)
        #expect(status("GET", path, gone) == 404)
        #expect(status("DELETE", path, gone) == 404)
        #expect(state.inventory(now: gone).contains { $0.e164 == "+12065550100" } == false)
    }

    @Test func throttlesAboveTheRateAndRecovers() {
        var state = Self.unsigned { $0.throttle = ThrottleRate(count: 20, periodMilliseconds: 1000) }
        func status(_ now: Int64) -> Int { state.answer(Self.request("GET", "/phone-numbers"), now: now).response.status }
        #expect((0..<20).allSatisfy { _ in status(5000) == 200 })
        #expect(status(5000) == 429)
        #expect(status(5049) == 429)
        #expect(status(5050) == 200)
        #expect(status(5050) == 429)
        #expect(status(4000) == 429)
        #expect((0..<20).allSatisfy { _ in status(90_000) == 200 })
        #expect(status(90_000) == 429)
    }

    @Test func unauthenticatedRequestsTakeNothingFromTheThrottle() throws {
        var options = ChimeDoubleOptions()
        options.throttle = ThrottleRate(count: 1, periodMilliseconds: 1000)
        var state = ChimeDoubleState(options: options)
        #expect(state.answer(Self.request("DELETE", "/phone-numbers/%2B12065550100"), now: SignedExample.noon).response.status == 403)
        let answer = state.answer(try SignedExample().request(), now: SignedExample.noon)
        #expect(answer.response.status == 204)
        #expect(answer.record.isSignatureVerified)
        #expect(state.answer(try SignedExample().request(), now: SignedExample.noon).response.status == 429)
    }

    @Test(arguments: [
        ("20/s", 20, 1000), ("300/m", 300, 60_000), ("7/h", 7, 3_600_000), ("500/d", 500, 86_400_000),
    ])
    func readsRates(text: String, count: Int64, period: Int64) {
        #expect(ThrottleRate(text) == ThrottleRate(count: count, periodMilliseconds: period))
    }

    @Test(arguments: ["", "20", "/s", "0/s", "-1/s", "1.5/s", "20/w", "20/s/s", "+5/s", "99999999999999999999/s"])
    func refusesRates(text: String) {
        #expect(ThrottleRate(text) == nil)
    }
}

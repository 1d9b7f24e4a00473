import Testing

@testable import GatewayCore

@Suite("Errors in the service's shape")
struct ErrorShapeTests {
    static let table: [(Refusal.Kind, Int, String)] = [
        (.badRequest, 400, "BadRequestException"), (.unauthorized, 401, "UnauthorizedClientException"),
        (.forbidden, 403, "ForbiddenException"),
        (.notFound, 404, "NotFoundException"), (.throttled, 429, "ThrottledClientException"), (.fault, 500, "ServiceFailureException"),
        (.unavailable, 503, "ServiceUnavailableException"), (.upstreamSilent, 504, "ServiceUnavailableException"),
        // Beyond the table of the contract: requests that are no request.
        (.slowRequest, 408, "BadRequestException"), (.contentTooLarge, 413, "BadRequestException"),
        (.targetTooLong, 414, "BadRequestException"),
        (.expectationFailed, 417, "BadRequestException"), (.fieldsTooLarge, 431, "BadRequestException"),
        (.notImplemented, 501, "BadRequestException"), (.versionNotSupported, 505, "BadRequestException"),
    ]

    @Test("Status and code of each kind", arguments: table)
    func row(kind: Refusal.Kind, status: Int, code: String) {
        let shape = ErrorShape.of(kind)
        #expect(shape.status == status)
        #expect(shape.code.description == code)
        // Only a throttle has two spellings.
        #expect((ErrorShape.of(kind, style: .retryable) == shape) == (kind != .throttled))
    }

    @Test("The table is whole")
    func isWhole() {
        #expect(Set(Self.table.map(\.0)) == Set(Refusal.Kind.allCases))
    }

    @Test("What SDKs retry by themselves")
    func retryable() {
        let shape = ErrorShape.of(.throttled, style: .retryable)
        #expect(shape.status == 429)
        #expect(shape.code.description == "ThrottlingException")
    }
}

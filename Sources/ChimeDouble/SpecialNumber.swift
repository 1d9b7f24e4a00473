/// A number whose last three digits choose the answer, whatever the state of the double.
///
/// They make every error of the API reachable from a command line: `+12065550429` is always throttled.
public struct SpecialNumber: Sendable, Equatable {
    /// E.164, for example `+12065550429`.
    public let number: String
    /// The HTTP status of the answer.
    public let status: Int
    /// The exception that SDKs raise, for example `ThrottledClientException`.
    public let exception: String

    let error: ServiceError

    init(number: String, error: ServiceError) {
        self.number = number
        self.status = error.status
        self.exception = error.type
        self.error = error
    }

    /// The seven errors of the API, in order of their status.
    public static let all: [SpecialNumber] = [
        SpecialNumber(number: "+12065550400", error: .badRequest("This number always answers BadRequestException.")),
        SpecialNumber(number: "+12065550401", error: .unauthorized("This number always answers UnauthorizedClientException.")),
        SpecialNumber(number: "+12065550403", error: .forbidden("This number always answers ForbiddenException.")),
        SpecialNumber(number: "+12065550404", error: .notFound("This number always answers NotFoundException.")),
        SpecialNumber(number: "+12065550429", error: .throttled("This number always answers ThrottledClientException.")),
        SpecialNumber(number: "+12065550500", error: .serviceFailure("This number always answers ServiceFailureException.")),
        SpecialNumber(number: "+12065550503", error: .serviceUnavailable("This number always answers ServiceUnavailableException.")),
    ]

    static func error(for number: String) -> ServiceError? {
        all.first { $0.number == number }?.error
    }
}

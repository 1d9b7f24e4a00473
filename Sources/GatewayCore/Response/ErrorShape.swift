/// The one place where a refusal becomes a status and an error code (contract section 3). The codes are those that Amazon Chime models for
/// DeletePhoneNumber, so that SDKs raise the exception their users already handle.
public struct ErrorShape: Sendable, Equatable {
    public var status: Int
    /// `x-amzn-ErrorType` and the body's `Code`.
    public var code: StaticString

    public static func == (left: ErrorShape, right: ErrorShape) -> Bool {
        left.status == right.status && left.code.description == right.code.description
    }

    public static func of(_ kind: Refusal.Kind, style: ThrottleStyle = .modeled) -> ErrorShape {
        switch kind {
        case .badRequest: ErrorShape(status: 400, code: "BadRequestException")
        case .unauthorized: ErrorShape(status: 401, code: "UnauthorizedClientException")
        case .forbidden: ErrorShape(status: 403, code: "ForbiddenException")
        case .notFound: ErrorShape(status: 404, code: "NotFoundException")
        case .slowRequest: ErrorShape(status: 408, code: "BadRequestException")
        case .contentTooLarge: ErrorShape(status: 413, code: "BadRequestException")
        case .targetTooLong: ErrorShape(status: 414, code: "BadRequestException")
        case .expectationFailed: ErrorShape(status: 417, code: "BadRequestException")
        case .throttled:
            switch style {
            case .modeled: ErrorShape(status: 429, code: "ThrottledClientException")
            case .retryable: ErrorShape(status: 429, code: "ThrottlingException")
            }
        case .fieldsTooLarge: ErrorShape(status: 431, code: "BadRequestException")
        case .fault: ErrorShape(status: 500, code: "ServiceFailureException")
        case .notImplemented: ErrorShape(status: 501, code: "BadRequestException")
        case .unavailable: ErrorShape(status: 503, code: "ServiceUnavailableException")
        case .upstreamSilent: ErrorShape(status: 504, code: "ServiceUnavailableException")
        case .versionNotSupported: ErrorShape(status: 505, code: "BadRequestException")
        }
    }
}

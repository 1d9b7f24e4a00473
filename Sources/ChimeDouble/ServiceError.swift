/// An error answer of the service: status, exception name (the `x-amzn-ErrorType` field), the `Code` member and a sentence.
///
/// The first seven are those that every phone-number operation of the Amazon Chime API declares; the `Code` values are
/// the ones of its `ErrorCode` type, which are shorter than the exception names. The others come from the front end
/// that every AWS service shares (the "Common Errors" page of the API reference).
struct ServiceError: Error, Equatable, Sendable {
    var status: Int
    var type: String
    var code: String
    var message: String

    static func badRequest(_ message: String, code: String = "BadRequest") -> ServiceError {
        ServiceError(status: 400, type: "BadRequestException", code: code, message: message)
    }
    static func unauthorized(_ message: String) -> ServiceError {
        ServiceError(status: 401, type: "UnauthorizedClientException", code: "Unauthorized", message: message)
    }
    static func forbidden(_ message: String) -> ServiceError {
        ServiceError(status: 403, type: "ForbiddenException", code: "Forbidden", message: message)
    }
    static func notFound(_ message: String) -> ServiceError {
        ServiceError(status: 404, type: "NotFoundException", code: "NotFound", message: message)
    }
    static func throttled(_ message: String) -> ServiceError {
        ServiceError(status: 429, type: "ThrottledClientException", code: "Throttled", message: message)
    }
    static func serviceFailure(_ message: String) -> ServiceError {
        ServiceError(status: 500, type: "ServiceFailureException", code: "ServiceFailure", message: message)
    }
    static func serviceUnavailable(_ message: String) -> ServiceError {
        ServiceError(status: 503, type: "ServiceUnavailableException", code: "ServiceUnavailable", message: message)
    }

    /// No `Authorization` field at all.
    static let missingAuthenticationToken = ServiceError(
        status: 403, type: "MissingAuthenticationTokenException", code: "MissingAuthenticationTokenException",
        message: "The request carries no Authorization field.")
    /// An `Authorization` field that does not have all of its parts.
    static func incompleteSignature(_ message: String) -> ServiceError {
        ServiceError(status: 400, type: "IncompleteSignatureException", code: "IncompleteSignatureException", message: message)
    }
    /// A key, session token or scope that the service does not know.
    static func unrecognizedClient(_ message: String) -> ServiceError {
        ServiceError(status: 403, type: "UnrecognizedClientException", code: "UnrecognizedClientException", message: message)
    }
    /// A complete signature that is wrong, stale or for another scope.
    static func invalidSignature(_ message: String) -> ServiceError {
        ServiceError(status: 403, type: "InvalidSignatureException", code: "InvalidSignatureException", message: message)
    }
    /// A method and path that no operation has.
    static let unknownOperation = ServiceError(
        status: 404, type: "UnknownOperationException", code: "UnknownOperationException",
        message: "No operation has this method and path.")
}

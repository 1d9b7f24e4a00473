/// What an error code says about the time of a refused signature. The codes are those that the AWS SDKs for JavaScript
/// (`service-error-classification`), Java (`AwsErrorCode`) and Go take for a clock that is off.
public enum ClockRefusal: Sendable, Equatable {
    /// The code has no other meaning.
    case certain
    /// A wrong secret key gives the same code: only a `Date` that is far off makes it the clock's fault.
    case possible

    private static let certainCodes: [StaticString] = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]
    private static let possibleCodes: [StaticString] = ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"]

    /// nil where the code says nothing about the time. `namespace#Code` and `Code:http://…` count as `Code`.
    public init?(code: UnsafeRawBufferPointer) {
        let bare = ThrottleDetection.bareCode(code)
        func isIn(_ names: [StaticString]) -> Bool {
            names.contains {
                $0.utf8CodeUnitCount == bare.count && bare.elementsEqual(UnsafeBufferPointer(start: $0.utf8Start, count: bare.count))
            }
        }
        if isIn(Self.certainCodes) {
            self = .certain
        } else if isIn(Self.possibleCodes) {
            self = .possible
        } else {
            return nil
        }
    }

    /// By `x-amzn-ErrorType`; nil also where there is none.
    public init?(_ head: ResponseHead) {
        guard head.status >= 400, let line = head.fields.first(.amznErrorType),
            let found = head.fields.withBytes(line.value, { ClockRefusal(code: $0) })
        else { return nil }
        self = found
    }

    /// By the body's `Code`, `code` or `__type`.
    public init?(body: UnsafeRawBufferPointer) {
        guard let found = ThrottleDetection.errorCode(body: body, { ClockRefusal(code: $0) }) ?? nil else { return nil }
        self = found
    }
}

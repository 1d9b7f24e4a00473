/// One of the four operations, read from method and target (service model `chime-2018-05-01`, the same in `chime-sdk-voice`).
enum PhoneNumberOperation: Equatable {
    case delete(number: String)
    case get(number: String)
    case restore(number: String)
    case list(Filter)

    /// The query of ListPhoneNumbers.
    struct Filter: Equatable {
        /// A `PhoneNumberStatus`.
        var status: String?
        /// 1 to 99.
        var maxResults = 99
        /// The last number of the page before (our form of `NextToken`).
        var after: String?
    }

    init(_ request: ReceivedRequest) throws(ServiceError) {
        let segments = request.rawPath.split(separator: "/", omittingEmptySubsequences: false)
        let query = Self.parameters(request.rawQuery)
        switch (request.method, segments.count) {
        case ("GET", 2) where segments[1] == "phone-numbers":
            self = .list(try Self.filter(query))
        case ("DELETE", 3) where segments[1] == "phone-numbers" && query.isEmpty:
            self = .delete(number: try Self.number(segments[2]))
        case ("GET", 3) where segments[1] == "phone-numbers" && query.isEmpty:
            self = .get(number: try Self.number(segments[2]))
        case ("POST", 3) where segments[1] == "phone-numbers" && query == ["operation": "restore"]:
            self = .restore(number: try Self.number(segments[2]))
        default:
            throw .unknownOperation
        }
    }

    /// The number that a path segment names: E.164, or the `PhoneNumberId` of the same number (`%2B...`, as List gives it).
    private static func number(_ segment: Substring) throws(ServiceError) -> String {
        var text = String(decoding: CanonicalForm.decode(segment), as: UTF8.self)
        if text.hasPrefix("%2B") { text = "+" + text.dropFirst(3) }
        let digits = Array(text.utf8.dropFirst())
        guard text.hasPrefix("+"), (2...15).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw .badRequest("The phone number ID is not a number in E.164 form.") }
        return text
    }

    private static func filter(_ query: [String: String]) throws(ServiceError) -> Filter {
        var filter = Filter()
        filter.status = query["status"]
        if let status = filter.status, !knownStatuses.contains(status) {
            throw .badRequest("There is no such status; the ones of this API are \(knownStatuses.joined(separator: ", ")).")
        }
        if let text = query["max-results"] {
            guard let count = Int(text), (1...99).contains(count) else { throw .badRequest("max-results must be 1 to 99.") }
            filter.maxResults = count
        }
        filter.after = query["next-token"]
        return filter
    }

    private static func parameters(_ raw: Substring) -> [String: String] {
        var parameters: [String: String] = [:]
        for parameter in raw.split(separator: "&") {
            let halves = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count > 1 ? CanonicalForm.decode(halves[1]) : []
            parameters[String(decoding: CanonicalForm.decode(halves[0]), as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return parameters
    }

    private static let knownStatuses = [
        "AcquireInProgress", "AcquireFailed", "Unassigned", "Assigned", "ReleaseInProgress", "DeleteInProgress", "ReleaseFailed",
        "DeleteFailed",
    ]
}

/// The service itself: numbers, Deletion queue, throttle and signature check, without sockets and without a clock.
public struct ChimeDoubleState: Sendable {
    private var numbers: [String: PhoneNumber]
    private var bucket: ThrottleBucket?
    private let check: SignatureCheck?

    public init(options: ChimeDoubleOptions) {
        numbers = Dictionary(options.inventory.map { ($0.e164, $0) }, uniquingKeysWith: { first, _ in first })
        bucket = options.throttle.map(ThrottleBucket.init)
        check =
            options.verifiesSignatures
            ? SignatureCheck(credentials: options.credentials, regions: options.regions, services: options.services) : nil
    }

    /// The numbers that the double still has, in order. `now` in milliseconds since 1970.
    public func inventory(now: Int64) -> [PhoneNumber] {
        numbers.values.filter { ($0.restorableUntil ?? .max) > now }.sorted { $0.e164 < $1.e164 }
    }

    /// Answers one request. `now` in milliseconds since 1970.
    ///
    /// Order as in AWS: a request is authenticated first, then throttled, then carried out. An unknown path counts against
    /// the throttle too.
    public mutating func answer(_ request: ReceivedRequest, now: Int64) -> (response: DoubleResponse, record: RecordedRequest) {
        let finding = check?.examine(request, now: now) ?? SignatureCheck.Finding()
        let response: DoubleResponse
        do throws(ServiceError) {
            if let failure = finding.failure { throw failure }
            if bucket?.take(now: now) == false { throw .throttled("The account sends more requests than the rate that is set here.") }
            response = try perform(PhoneNumberOperation(request), now: now)
        } catch {
            response = DoubleResponse(status: error.status, errorType: error.type, body: Self.body(of: error))
        }
        let record = RecordedRequest(
            request: request, isSignatureVerified: check != nil && finding.failure == nil, canonicalRequest: finding.canonicalRequest,
            status: response.status, receivedAt: now)
        return (response, record)
    }

    private mutating func perform(_ operation: PhoneNumberOperation, now: Int64) throws(ServiceError) -> DoubleResponse {
        switch operation {
        case .delete(let number):
            try delete(number, now: now)
            return DoubleResponse(status: 204, errorType: nil, body: "")
        case .get(let number):
            return Self.ok([("PhoneNumber", try find(number, now: now).json)])
        case .restore(let number):
            return Self.ok([("PhoneNumber", try restore(number, now: now).json)])
        case .list(let filter):
            return list(filter, now: now)
        }
    }

    /// A number that is in the queue already stays there with its first day: the call may be repeated.
    private mutating func delete(_ e164: String, now: Int64) throws(ServiceError) {
        var number = try find(e164, now: now)
        switch number.status {
        case .deleteInProgress:
            return
        case .assigned:
            throw .badRequest("The number is assigned; disassociate it before deleting it.", code: "PhoneNumberAssociationsExist")
        case .unassigned:
            number.status = .deleteInProgress
            number.deletedAt = now
            number.updatedAt = now
            numbers[e164] = number
        }
    }

    private mutating func restore(_ e164: String, now: Int64) throws(ServiceError) -> PhoneNumber {
        var number = try find(e164, now: now)
        guard number.status == .deleteInProgress else { throw .badRequest("The number is not in the Deletion queue.") }
        number.status = .unassigned
        number.deletedAt = nil
        number.updatedAt = now
        numbers[e164] = number
        return number
    }

    private func list(_ filter: PhoneNumberOperation.Filter, now: Int64) -> DoubleResponse {
        let matching = inventory(now: now).filter { number in
            (filter.status == nil || filter.status == number.status.rawValue) && (filter.after.map { number.e164 > $0 } ?? true)
        }
        let page = matching.prefix(filter.maxResults)
        var members: [(String, JSONText)] = [("PhoneNumbers", .array(page.map(\.json)))]
        if matching.count > page.count, let last = page.last { members.append(("NextToken", .string(last.e164))) }
        return Self.ok(members)
    }

    private func find(_ e164: String, now: Int64) throws(ServiceError) -> PhoneNumber {
        if let error = SpecialNumber.error(for: e164) { throw error }
        guard let number = numbers[e164], (number.restorableUntil ?? .max) > now else {
            throw .notFound("There is no such phone number in the inventory or the Deletion queue.")
        }
        return number
    }

    private static func ok(_ members: [(String, JSONText)]) -> DoubleResponse {
        DoubleResponse(status: 200, errorType: nil, body: JSONText.object(members).text)
    }

    private static func body(of error: ServiceError) -> String {
        JSONText.object([("Code", .string(error.code)), ("Message", .string(error.message))]).text
    }
}

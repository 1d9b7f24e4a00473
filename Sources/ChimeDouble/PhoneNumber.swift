/// A phone number of the double's inventory. Times are milliseconds since 1970-01-01T00:00:00Z.
public struct PhoneNumber: Sendable, Equatable {
    /// The values of the API's `PhoneNumberStatus` that the double uses.
    public enum Status: String, Sendable, CaseIterable {
        case unassigned = "Unassigned"
        /// Belongs to a Voice Connector, so that it cannot be deleted before it is disassociated.
        case assigned = "Assigned"
        /// In the Deletion queue.
        case deleteInProgress = "DeleteInProgress"
    }

    /// How long a deleted number can be restored: 7 days, as the DeletePhoneNumber page of the API reference says.
    public static let deletionQueueMilliseconds: Int64 = 7 * 24 * 60 * 60 * 1000

    /// E.164, for example `+12065550100`.
    public let e164: String
    public internal(set) var status: Status
    public let createdAt: Int64
    public internal(set) var updatedAt: Int64
    /// When it was moved to the Deletion queue; nil outside it.
    public internal(set) var deletedAt: Int64?

    public init(e164: String, status: Status = .unassigned, createdAt: Int64 = 0) {
        self.e164 = e164
        self.status = status
        self.createdAt = createdAt
        self.updatedAt = createdAt
        self.deletedAt = status == .deleteInProgress ? createdAt : nil
    }

    /// The first instant at which the number can no longer be restored; nil outside the Deletion queue.
    public var restorableUntil: Int64? {
        deletedAt.map { $0 + Self.deletionQueueMilliseconds }
    }

    /// The API's `PhoneNumberId`: the number with its plus percent-encoded, as the examples of the API reference show it.
    public var identifier: String {
        "%2B" + e164.dropFirst()
    }

    /// The inventory that a double starts with: `+12065550100` to `+12065550199`, of which `+12065550150` is assigned.
    ///
    /// 555-0100 to 555-0199 are set aside for fiction, so none of them can be anybody's number.
    public static let exampleInventory: [PhoneNumber] = (100...199).map { line in
        PhoneNumber(e164: "+12065550\(line)", status: line == 150 ? .assigned : .unassigned, createdAt: 1_565_386_521_445)
    }

    /// The API's `PhoneNumber` structure, with one member more: `RestorableUntil`.
    var json: JSONText {
        var members: [(String, JSONText)] = [
            ("PhoneNumberId", .string(identifier)),
            ("E164PhoneNumber", .string(e164)),
            ("Country", .string("US")),
            ("Type", .string("Local")),
            ("ProductType", .string("VoiceConnector")),
            ("Status", .string(status.rawValue)),
            (
                "Capabilities",
                .object([
                    ("InboundCall", .boolean(true)), ("OutboundCall", .boolean(true)), ("InboundSMS", .boolean(false)),
                    ("OutboundSMS", .boolean(false)), ("InboundMMS", .boolean(false)), ("OutboundMMS", .boolean(false)),
                ])
            ),
            ("Associations", .array(status == .assigned ? [Self.exampleAssociation] : [])),
            ("CreatedTimestamp", .string(CivilTime.iso8601(milliseconds: createdAt))),
            ("UpdatedTimestamp", .string(CivilTime.iso8601(milliseconds: updatedAt))),
        ]
        if let deletedAt, let restorableUntil {
            members.append(("DeletionTimestamp", .string(CivilTime.iso8601(milliseconds: deletedAt))))
            members.append(("RestorableUntil", .string(CivilTime.iso8601(milliseconds: restorableUntil))))
        }
        return .object(members)
    }

    private static let exampleAssociation = JSONText.object([
        ("Value", .string("exampleconnector00001")), ("Name", .string("VoiceConnectorId")),
    ])
}

/// What a signing key is good for: one day, one region, one service.
public struct CredentialScope: Sendable, Hashable, CustomStringConvertible {
    /// `20150830`.
    public let day: String
    public let region: String
    public let service: String

    /// The last part of every scope.
    static let termination = "aws4_request"

    public init(time: SigningTime, region: String, service: String) {
        self.day = time.day
        self.region = region
        self.service = service
    }

    /// `20150830/us-east-1/iam/aws4_request`.
    public var text: String { "\(day)/\(region)/\(service)/\(CredentialScope.termination)" }
    public var description: String { text }
}

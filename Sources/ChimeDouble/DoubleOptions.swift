/// A key pair that the double knows.
public struct DoubleCredential: Sendable, CustomStringConvertible {
    public var accessKeyId: String
    public var secretAccessKey: String
    /// When set, requests must carry and sign it as `x-amz-security-token`.
    public var sessionToken: String?

    public init(accessKeyId: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyId = accessKeyId
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// The key pair of AWS's own examples, which opens nothing.
    public static let example = DoubleCredential(
        accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

    public var description: String { "DoubleCredential(accessKeyId: \(accessKeyId))" }
}

/// How many requests the double answers before it throttles.
public struct ThrottleRate: Sendable, Equatable {
    /// Requests in a period, at least 1. As many may come at once after a rest.
    public var count: Int64
    /// At least 1.
    public var periodMilliseconds: Int64

    public init(count: Int64, periodMilliseconds: Int64) {
        self.count = max(1, count)
        self.periodMilliseconds = max(1, periodMilliseconds)
    }

    /// Reads `20/s`, `300/m`, `1000/h` or `500/d`; nil for anything else, a count of 0 or above a thousand million included.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int64(halves[0]),
            (1...1_000_000_000).contains(count)
        else { return nil }
        switch halves[1] {
        case "s": self.init(count: count, periodMilliseconds: 1000)
        case "m": self.init(count: count, periodMilliseconds: 60_000)
        case "h": self.init(count: count, periodMilliseconds: 3_600_000)
        case "d": self.init(count: count, periodMilliseconds: 86_400_000)
        default: return nil
        }
    }
}

/// What a double knows and how it behaves.
public struct ChimeDoubleOptions: Sendable {
    public var credentials: [DoubleCredential] = [.example]
    /// Regions that a credential scope may name.
    public var regions: Set<String> = ["us-east-1"]
    /// Services that a credential scope may name. Amazon Chime and the Amazon Chime SDK voice API both sign as `chime`.
    public var services: Set<String> = ["chime"]
    /// Without a rate nothing but the special number is throttled.
    public var throttle: ThrottleRate?
    /// Off: every request is taken as signed.
    public var verifiesSignatures = true
    public var inventory: [PhoneNumber] = PhoneNumber.exampleInventory
    /// How many of the last requests are remembered.
    public var recordedRequests = 1000
    /// Told of each request after it was answered, on an event loop thread.
    public var onRequest: (@Sendable (RecordedRequest) -> Void)?
    /// Milliseconds since 1970.
    public var clock: @Sendable () -> Int64 = { WallClock.milliseconds() }

    public init() {}
}

import GatewayConfig
import GatewayCore
import SigV4

/// Credentials as a source gave them.
struct CredentialGrant: Sendable {
    var credentials: Credentials
    /// Milliseconds since 1970; nil where they do not end.
    var expiresAt: Int64?
    /// After so many milliseconds a source without an end is worth another look; nil for never.
    var recheck: Int64?
    /// What the service that gave them said of its clock.
    var clock: ClockSample?

    init(accessKeyID: String, secretAccessKey: String, sessionToken: String?, expiresAt: Int64? = nil, recheck: Int64? = nil) {
        credentials = Credentials(accessKeyID: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: sessionToken)
        self.expiresAt = expiresAt
        self.recheck = recheck
    }
}

/// For commands that need credentials once.
public enum CredentialFetch {
    /// A sentence for the operator, without secrets.
    public struct Failure: Error, Sendable {
        public var words: String
    }

    /// Blocks until they are there.
    public static func once(_ settings: CredentialSettings, among all: [String: CredentialSettings]) throws(Failure) -> Credentials {
        do throws(CredentialFailure) {
            return try CredentialSource(settings: settings, others: all, environment: .process, isCancelled: { false }).fetch().credentials
        } catch {
            throw Failure(words: error.words)
        }
    }
}

/// Why a source gives no credentials: a sentence for the operator, without secrets.
struct CredentialFailure: Error, Equatable {
    var words: String
    /// Nothing is configured there, so that a chain goes on to the next source.
    var isAbsence = false
    /// The service refused the signature perhaps for its time, and said its own.
    var clock: RefusedClock?

    struct RefusedClock: Equatable {
        var refusal: ClockRefusal
        var sample: ClockSample
    }

    init(_ words: String, isAbsence: Bool = false) {
        self.words = words
        self.isAbsence = isAbsence
    }
}

/// Credentials ready to sign with. A class, so that a request counts one reference.
final class LiveCredentials: Sendable {
    let credentials: Credentials
    let accessKeyID: [UInt8]
    /// From this moment on (milliseconds since 1970) nothing is signed with them; nil where they do not end.
    let usableUntil: Int64?

    init(_ credentials: Credentials, usableUntil: Int64?) {
        self.credentials = credentials
        accessKeyID = Array(credentials.accessKeyID.utf8)
        self.usableUntil = usableUntil
    }
}

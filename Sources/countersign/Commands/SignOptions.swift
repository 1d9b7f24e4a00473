import ArgumentParser
import SigV4

/// The key that a request is signed with.
struct SignKeyOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: ArgumentHelp("The access key to sign with.", valueName: "id"))
    var accessKeyId: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Its secret.", valueName: "secret"))
    var secretAccessKey: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("The token that goes with a temporary key.", valueName: "token"))
    var sessionToken: String?

    @Option(
        help: ArgumentHelp(
            "Take key, service and region from the upstream in this configuration whose host the URL names.", valueName: "file"))
    var config: String?

    func validate() throws {
        if (accessKeyId == nil) != (secretAccessKey == nil) {
            throw ValidationError("--access-key-id and --secret-access-key go together: give both or neither.")
        }
        if sessionToken != nil, accessKeyId == nil {
            throw ValidationError("--session-token goes with --access-key-id and --secret-access-key: give all three.")
        }
    }
}

/// How a request is signed.
struct SignRuleOptions: ParsableArguments {
    @Option(help: "The service in the credential scope, for example chime.")
    var service: String?

    @Option(help: "The region in the credential scope, for example us-east-1 (default: AWS_REGION, AWS_DEFAULT_REGION).")
    var region: String?

    @Option(
        help: ArgumentHelp(
            "The time to sign for, 2015-08-30T12:36:00Z or 20150830T123600Z (default: the request's own X-Amz-Date, else now).",
            valueName: "time"))
    var at: SigningTime?

    @Flag(inversion: .prefixedNo, help: "Remove dot and empty segments from the path that is signed (default: yes, except for s3).")
    var normalizePath: Bool?

    @Flag(inversion: .prefixedNo, help: "Percent-encode the path once more to sign it (default: yes, except for s3).")
    var doubleEncode: Bool?

    @Flag(inversion: .prefixedNo, help: "Cover the session token by the signature, instead of adding it afterwards.")
    var signSessionToken = true

    @Flag(help: "Put the signature into the URL instead of the headers.")
    var presign = false

    @Option(help: ArgumentHelp("How long a presigned URL is good, 1 to 604800 seconds.", valueName: "seconds"))
    var expires = 3600

    func validate() throws {
        guard 1...604_800 ~= expires else {
            throw ValidationError("--expires must be 1 to 604800 seconds (a week), for example 900.")
        }
    }
}

extension SigningTime: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

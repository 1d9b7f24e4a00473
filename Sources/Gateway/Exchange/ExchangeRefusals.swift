import GatewayCore

/// What the line itself refuses, apart from its stages.
extension Exchange {
    static let bodyTooLarge = Refusal(
        .contentTooLarge, "body/too-large", "The request body is larger than this listener accepts: send less.", closesConnection: true)
    static let auditNotWritable = Refusal(
        .unavailable, "audit/not-writable", "The audit record cannot be written, so nothing was sent: try again shortly.")
    static let upstreamOverloaded = Refusal(
        .unavailable, "upstream/overload",
        "As many requests as this service may be given at once are under way, so this one was not sent: try again shortly.")
    static let noCredentials = Refusal(
        .unavailable, "credentials/unavailable",
        "The gateway has no valid AWS credentials for this service at the moment, so nothing was sent: try again shortly.")
    static let signingFailed = Refusal(.fault, "gateway/signing", "The request could not be signed, so nothing was sent.")
}

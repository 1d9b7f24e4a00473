/// Where services differ in how they want a request signed. The initial values are right for all but S3.
public struct SigningOptions: Sendable, Hashable {
    /// Dot segments and repeated slashes are removed from the path before it is signed.
    public var normalizesPath = true
    /// The path is percent-encoded once more than it is on the wire: `%2B` signs as `%252B`.
    public var doubleEncodesPath = true
    /// The session token is covered by the signature. When false it is added after signing, as AWS IoT wants it.
    public var signsSessionToken = true
    /// `X-Amz-Content-Sha256` is added (and signed) when the request does not carry it.
    public var addsPayloadHashField = false

    public init() {}

    /// The options that the service with this signing name wants: S3 and its kin sign the path exactly as sent and need the
    /// payload hash as a field.
    public static func standard(forService service: String) -> SigningOptions {
        var options = SigningOptions()
        if isS3(service) {
            options.normalizesPath = false
            options.doubleEncodesPath = false
            options.addsPayloadHashField = true
        }
        return options
    }

    static func isS3(_ service: String) -> Bool {
        ["s3", "s3express", "s3-object-lambda", "s3-outposts"].contains(service)
    }
}

import Foundation
import SigV4
import Testing

/// One row of `Vectors/*.json`; `Tests/Peers/sigv4/make_vectors.py` writes them with botocore.
struct SigningVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        var canonicalRequest: String
        var stringToSign: String
        var signingKey: String
        var signature: String
        var authorization: String?
    }

    var name: String
    var method: String
    var url: String
    var headers: [String]?
    var data: String?
    var accessKeyId: String
    var secretAccessKey: String
    var sessionToken: String?
    var service: String
    var region: String
    var at: String
    var normalizePath: Bool?
    var doubleEncode: Bool?
    var signSessionToken: Bool?
    var presign: Bool?
    var expires: Int?
    var expected: Expected

    var testDescription: String { name }

    static func load(_ file: String) throws -> [SigningVector] {
        let url = try #require(Bundle.module.url(forResource: file, withExtension: "json", subdirectory: "Vectors"))
        return try JSONDecoder().decode([SigningVector].self, from: Data(contentsOf: url))
    }

    var options: SigningOptions {
        var options = SigningOptions()
        options.normalizesPath = normalizePath ?? true
        options.doubleEncodesPath = doubleEncode ?? true
        options.signsSessionToken = signSessionToken ?? true
        return options
    }

    var credentials: Credentials {
        Credentials(accessKeyID: accessKeyId, secretAccessKey: secretAccessKey, sessionToken: sessionToken)
    }

    func time() throws -> SigningTime { try #require(SigningTime(at)) }
    func scope() throws -> CredentialScope { CredentialScope(time: try time(), region: region, service: service) }

    /// As a client would give it to the signer.
    func request() throws -> UnsignedRequest {
        let address = try RequestURL(url)
        let fields = try [HeaderField("Host", address.host)] + (headers ?? []).map { try HeaderField(line: $0) }
        let isUnsigned = presign == true && service == "s3"
        return UnsignedRequest(
            method: method, path: address.path, query: address.query, fields: fields,
            payload: isUnsigned ? .unsigned : try .sha256(of: Array((data ?? "").utf8)))
    }

    func signed() throws -> SignedRequest {
        let signer = Signer(service: service, region: region, options: options)
        if presign == true {
            return try signer.presign(try request(), credentials: credentials, time: try time(), expiresIn: expires ?? 3600)
        }
        return try signer.signFields(of: try request(), credentials: credentials, time: try time())
    }
}

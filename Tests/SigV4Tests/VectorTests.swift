import Digests
import SigV4
import Testing

/// Each stage by itself, so that a failure names the stage that went wrong.
@Suite struct VectorTests {
    static let published = (try? SigningVector.load("published")) ?? []
    static let own = (try? SigningVector.load("own")) ?? []

    @Test func vectorsAreThere() {
        #expect(VectorTests.published.count >= 30)
        #expect(VectorTests.own.count >= 100)
    }

    @Test(arguments: published + own)
    func canonicalRequest(vector: SigningVector) throws {
        #expect(try vector.signed().canonicalRequest.text == vector.expected.canonicalRequest)
    }

    @Test(arguments: published + own)
    func stringToSign(vector: SigningVector) throws {
        #expect(try vector.signed().stringToSign.text == vector.expected.stringToSign)
    }

    @Test(arguments: published + own)
    func signingKey(vector: SigningVector) throws {
        let key = try SigningKey(secretAccessKey: SecretBytes(vector.secretAccessKey), scope: try vector.scope())
        #expect(key.bytes.withUnsafeBytes { Hex.string(Array($0)) } == vector.expected.signingKey)
    }

    @Test(arguments: published + own)
    func signature(vector: SigningVector) throws {
        let signed = try vector.signed()
        #expect(signed.signature.hex == vector.expected.signature)
        #expect(signed.authorization == vector.expected.authorization)
    }

    /// Where the token is added after signing it must still be sent, and not be among the signed headers.
    @Test(arguments: own.filter { $0.sessionToken != nil })
    func sessionTokenIsSent(vector: SigningVector) throws {
        let signed = try vector.signed()
        let isSigned = vector.signSessionToken ?? true
        if vector.presign == true {
            #expect(String(decoding: signed.query, as: UTF8.self).contains("X-Amz-Security-Token=AQoDYXdzEPT%2F"))
            #expect(signed.canonicalRequest.text.contains("X-Amz-Security-Token") == isSigned)
        } else {
            #expect(signed.fields.contains { $0.name == "X-Amz-Security-Token" && $0.valueText == vector.sessionToken })
            #expect(signed.canonicalRequest.signedHeaders.contains("x-amz-security-token") == isSigned)
        }
    }

    @Test(arguments: own.filter { $0.presign == true })
    func presignedQueryEndsWithTheSignature(vector: SigningVector) throws {
        let signed = try vector.signed()
        #expect(String(decoding: signed.query, as: UTF8.self).hasSuffix("&X-Amz-Signature=\(vector.expected.signature)"))
        #expect(!signed.fields.contains { $0.canonicalName == "authorization" })
    }
}
